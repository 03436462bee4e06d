// A file to its upright pixels, reduced as cloudedge reduces a large photo before it resizes it.

import { header } from "./exif.js";
import { averageRows } from "./resample.js";

const HEAD = 1 << 19; // bytes in which a camera's header ends
const STRIP = 1 << 20; // pixels read from the canvas at a time: phones limit its size, and memory
const GREY = [127, 128]; // what decoders put where a JPEG's data end, or where its file ends: Firefox puts white there
const WHITE = 255;
const NOT_SHOWN = "this browser does not show; save it as JPEG";

/** What is wrong with a photo, in words for its card. */
export class PhotoError extends Error {}

/** Read a photo: `picture` RGB (reduced), `bitmap` (whole, to be closed), `capturedAt` ISO 8601 or null. */
export async function read(file, facts) {
  const head = header(new Uint8Array(await bytesOf(file.slice(0, HEAD))));
  if (file.size === 0) throw new PhotoError("is empty; copy or download it again");
  check(head, facts);
  const bitmap = await decode(file, head.kind);
  try {
    check(bitmap, facts);
    const isCut = head.kind === "JPEG" && !(await hasEnd(file));
    const fills = head.kind !== "JPEG" ? null : isCut ? [...GREY, WHITE] : GREY;
    const { picture, missing } = pixels(bitmap, reduction(bitmap, head.kind, facts), fills);
    if (missing > facts.max_missing && (missing < 1 || isCut)) {
      const share = `${Math.round(100 * missing)}%`;
      throw new PhotoError(`is damaged or cut short (${share} of it never arrived); copy or download it again`);
    }
    return { picture, bitmap, capturedAt: head.capturedAt };
  } catch (error) {
    bitmap.close();
    throw error;
  }
}

/** Read a frame of the camera, a bitmap. */
export function readFrame(bitmap, facts) {
  return pixels(bitmap, reduction(bitmap, null, facts), null).picture;
}

async function bytesOf(blob) {
  try {
    return await blob.arrayBuffer();
  } catch {
    throw new PhotoError("cannot be read; choose photos, not folders");
  }
}

function check({ width, height }, { max_pixels: most }) {
  if (!(width * height > most)) return;
  const digits = Math.round((width * height) / 1e6) === Math.round(most / 1e6) ? 2 : 0;
  const millions = (number) => (number / 1e6).toFixed(digits);
  throw new PhotoError(`has ${millions(width * height)} million pixels, more than ${millions(most)} million; scale it down`);
}

async function decode(file, kind) {
  try {
    return await createImageBitmap(file, { colorSpaceConversion: "none" }); // the model has learned the values as they are
  } catch {
    if (kind === "TIFF" || kind === "HEIC" || kind === "AVIF") throw new PhotoError(`is a ${kind} photo, which ${NOT_SHOWN}`);
    if (kind === null) throw new PhotoError("is not a photo in a format that this browser shows; save it as JPEG");
    throw new PhotoError("is damaged or cut short, or too large for this browser; copy or download it again");
  }
}

/** Return by which whole number cloudedge reduces a photo: libjpeg knows 1, 2, 4 and 8, anything else is averaged. */
function reduction({ width, height }, kind, { model, oversampling }) {
  const short = Math.min(width, height), least = oversampling * model.resize.size;
  if (kind !== "JPEG") return Math.max(Math.floor(short / least), 1);
  return [8, 4, 2, 1].find((scale) => Math.floor(short / Math.ceil(least)) >= scale) ?? 1;
}

/**
 * Read a bitmap's pixels, averaged by a factor, and which share of its height, at the foot, was filled in by a decoder:
 * with nothing, or with one of the values `fills`. Null stands for a format whose decoders raise an error instead.
 */
function pixels(bitmap, factor, fills) {
  const { width, height } = bitmap;
  const rows = Math.max(factor, Math.floor(STRIP / width / factor) * factor);
  const canvas = new OffscreenCanvas(width, Math.min(rows, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new PhotoError("is too large for this browser; scale it down");
  const across = Math.ceil(width / factor), down = Math.ceil(height / factor);
  const picture = { data: new Uint8ClampedArray(3 * across * down), width: across, height: down };
  let empty = 0;
  for (let top = 0; top < height; top += rows) {
    const number = Math.min(rows, height - top);
    context.globalCompositeOperation = "copy";
    context.drawImage(bitmap, 0, -top);
    if (!fills) onWhite(context, canvas);
    const { data } = context.getImageData(0, 0, width, number);
    if (fills) empty = trailing(data, 4 * width, empty, fills);
    for (let y = 0; y < number; y += factor) {
      const part = data.subarray(4 * width * y, 4 * width * Math.min(y + factor, number));
      averageRows(part, width, factor, picture.data, 3 * across * Math.floor((top + y) / factor));
    }
  }
  return { picture, missing: empty / height };
}

/** What is transparent becomes white. */
function onWhite(context, { width, height }) {
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
}

/** Count the last rows that a decoder has filled in. */
function trailing(data, line, before, fills) {
  let rows = 0;
  for (let start = data.length - line; start >= 0; start -= line, rows++) {
    if (!isFilledIn(data, start, start + line, fills)) return rows;
  }
  return before + rows;
}

function isFilledIn(data, from, to, fills) {
  for (let i = from; i < to; i += 4) {
    const isFill = fills.includes(data[i]) && fills.includes(data[i + 1]) && fills.includes(data[i + 2]);
    if (data[i + 3] !== 0 && !isFill) return false;
  }
  return true;
}

/** Tell whether a JPEG has the mark at its end. */
async function hasEnd(file) {
  const tail = new Uint8Array(await bytesOf(file.slice(-4096)));
  return tail.some((byte, i) => byte === 0xff && tail[i + 1] === 0xd9);
}
