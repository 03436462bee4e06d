// A photo to the model's input, as cloudedge's preprocess.py makes it. Nothing here is the model's: all of it is read
// from what the model's file says about itself.

import { resize } from "./resample.js";

const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601

/** Return the model's input for a picture RGB: float32 (1, 3, height, width), and the picture's mean luma, 0..255. */
export function prepare(picture, model) {
  const { width, height } = inputShape(picture, model);
  const margin = model.resize.size - model.input_size; // 0 unless the rule is "squash"
  const resized = resize(picture, width + margin, height + margin, model.resize.interpolation);
  const pixels = cut(resized, roundToEven(margin / 2), width, height);
  return { input: normalise(pixels, model), shape: [1, 3, height, width], luminance: luminance(pixels) };
}

/** Return the size of the model's input for a picture. */
export function inputShape({ width, height }, { resize: rule, input_size: side }) {
  if (rule.rule === "squash") return { width: side, height: side };
  const ratio = Math.min(Math.max(height, width) / Math.min(height, width), rule.max_ratio);
  const long = roundToEven((rule.size * ratio) / rule.multiple) * rule.multiple;
  return height > width ? { width: rule.size, height: long } : { width: long, height: rule.size };
}

/** Round as Python does: halves to the even neighbour. */
function roundToEven(value) {
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

function cut(picture, start, width, height) {
  if (width === picture.width && height === picture.height) return picture;
  const data = new Uint8ClampedArray(3 * width * height);
  for (let y = 0; y < height; y++) {
    const from = 3 * ((start + y) * picture.width + start);
    data.set(picture.data.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { data, width, height };
}

/** Bring bytes to 0..1, subtract the mean, divide by the deviation: plane by plane, in float32 as numpy does. */
function normalise({ data, width, height }, { mean, std }) {
  const size = width * height, planes = new Float32Array(3 * size);
  for (let channel = 0; channel < 3; channel++) {
    const deviation = Math.fround(std[channel]);
    const scale = Math.fround(1 / Math.fround(255 * deviation));
    const shift = Math.fround(Math.fround(mean[channel]) / deviation);
    const table = Float32Array.from({ length: 256 }, (_, value) => Math.fround(value * scale) - shift);
    for (let i = 0; i < size; i++) planes[channel * size + i] = table[data[3 * i + channel]];
  }
  return planes;
}

function luminance({ data }) {
  const sums = [0, 0, 0];
  for (let i = 0; i < data.length; i++) sums[i % 3] += data[i];
  return sums.reduce((total, sum, channel) => total + LUMA[channel] * sum, 0) / (data.length / 3);
}
