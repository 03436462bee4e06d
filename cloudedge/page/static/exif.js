// What a file's header says: how large the photo is, and when it was taken. Both are known before a pixel is decoded.

const text = (bytes, from, length) => String.fromCharCode(...bytes.subarray(from, from + length));

const [MAKE, MODEL, SOFTWARE, EXIF] = [0x010f, 0x0110, 0x0131, 0x8769];
const [CHANGED, TAKEN, DIGITIZED] = [[0x0132, 0x9010], [0x9003, 0x9011], [0x9004, 0x9012]]; // and their offsets from UTC

// EXIF's 2024:06:01 12:30:45, and what devices write instead; the same as in cloudedge's capture_time.py.
const STAMP = new RegExp(
  /^([0-9]{4})[-:/.] ?([0-9]{1,2})[-:/.] ?([0-9]{1,2})(?: +|T)([0-9]{1,2}): ?([0-9]{1,2}): ?([0-9]{1,2})/.source
  + /(?:[.,][0-9]+)? ?(Z|[+-][0-9]{2}:?[0-9]{2})?$/.source,
);

/** Read the beginning of a file: {kind, width, height, capturedAt}, each undefined or null where it is not known. */
export function header(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const read = Object.entries(KINDS).find(([, { begins }]) => begins(bytes));
  if (!read) return { kind: null, capturedAt: null };
  const [kind, { parts }] = read;
  const found = { kind, capturedAt: null };
  try {
    for (const part of parts?.(view, bytes) ?? []) {
      if (part.exif !== undefined) found.capturedAt ??= timeIn(new DataView(bytes.buffer, bytes.byteOffset + part.exif, part.length));
      else Object.assign(found, part);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // it ends early: what was found so far counts
  }
  return found;
}

const KINDS = {
  JPEG: { begins: (b) => b[0] === 0xff && b[1] === 0xd8 && b[2] === 0xff, parts: partsOfJpeg },
  PNG: { begins: (b) => text(b, 0, 8) === "\x89PNG\r\n\x1a\n", parts: partsOfPng },
  WebP: { begins: (b) => text(b, 0, 4) === "RIFF" && text(b, 8, 4) === "WEBP", parts: partsOfWebp },
  GIF: { begins: (b) => /^GIF8[79]a/.test(text(b, 0, 6)) },
  BMP: { begins: (b) => text(b, 0, 2) === "BM" },
  AVIF: { begins: (b) => text(b, 4, 4) === "ftyp" && /avi[fs]/.test(text(b, 8, 32)) },
  HEIC: { begins: (b) => /^ftyp(hei[cxms]|hev[cxms]|mif1|msf1)/.test(text(b, 4, 8)) },
  TIFF: { begins: (b) => /^(II[*+]\0|MM\0[*+])/.test(text(b, 0, 4)) },
};

function* partsOfJpeg(view, bytes) {
  for (let at = 2; view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1), length = view.getUint16(at + 2);
    if (marker === 0xda) return; // the data begin
    if (marker === 0xff) {
      at += 1; // a byte that fills a gap
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) yield { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    if (marker === 0xe1 && text(bytes, at + 4, 6) === "Exif\0\0") yield { exif: at + 10, length: length - 8 };
    at += 2 + length;
  }
}

function* partsOfPng(view, bytes) {
  for (let at = 8; ; at += 12 + view.getUint32(at)) {
    const name = text(bytes, at + 4, 4);
    if (name === "IHDR") yield { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
    if (name === "eXIf") yield { exif: at + 8, length: view.getUint32(at) };
  }
}

function* partsOfWebp(view, bytes) {
  for (let at = 12; ; ) {
    const name = text(bytes, at, 4), length = view.getUint32(at + 4, true);
    if (name === "VP8X") yield { width: 1 + uint24(view, at + 12), height: 1 + uint24(view, at + 15) };
    if (name === "EXIF") {
      const start = text(bytes, at + 8, 6) === "Exif\0\0" ? 6 : 0;
      yield { exif: at + 8 + start, length: length - start };
    }
    at += 8 + length + (length % 2);
  }
}

const uint24 = (view, at) => view.getUint16(at, true) + 65536 * view.getUint8(at + 2);

/** Return when EXIF data say that the photo was taken, ISO 8601, or null. */
function timeIn(view) {
  const little = view.getUint16(0) === 0x4949;
  const main = tags(view, view.getUint32(4, little), little);
  const all = new Map([...main, ...(main.has(EXIF) ? tags(view, main.get(EXIF), little) : [])]);
  const isEdited = all.has(SOFTWARE) && !all.has(MAKE) && !all.has(MODEL);
  for (const [stamp, offset] of isEdited ? [TAKEN, DIGITIZED] : [TAKEN, DIGITIZED, CHANGED]) {
    const time = moment(all.get(stamp), all.get(offset));
    if (time) return time;
  }
  return null;
}

/** Return the texts and the references to other lists of tags. */
function tags(view, at, little) {
  const found = new Map();
  for (let i = 0; i < view.getUint16(at, little); i++) {
    const entry = at + 2 + 12 * i, kind = view.getUint16(entry + 2, little), length = view.getUint32(entry + 4, little);
    const value = view.getUint32(entry + 8, little);
    if (kind === 4) found.set(view.getUint16(entry, little), value);
    if (kind !== 2 || length > 1000) continue;
    const start = length > 4 ? value : entry + 8;
    const bytes = Array.from({ length }, (_, j) => view.getUint8(start + j));
    found.set(view.getUint16(entry, little), String.fromCharCode(...bytes).replace(/\0.*/s, "").trim());
  }
  return found;
}

function moment(stamp, offset) {
  for (const words of [`${stamp}${offset ?? ""}`, stamp ?? ""]) { // a camera may write an offset that is not one
    const match = STAMP.exec(words);
    if (!match) continue;
    const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => part.padStart(2, "0"));
    const time = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
    if (!isThere(time)) continue;
    const isReset = ["1970", "1980"].includes(year) || `${year}-${month}-${day}` === "2000-01-01";
    return isReset ? null : time + zone(match[7]);
  }
  return null;
}

const zone = (offset) => (!offset ? "" : offset === "Z" ? "+00:00" : offset.replace(/(\d\d):?(\d\d)/, "$1:$2"));

function isThere(time) {
  const date = new Date(`${time}Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(time);
}
