// What speaks for a genus, in colour over the photo: the same picture as `cloudedge explain` makes.

// viridis (Stefan van der Walt and Nathaniel Smith, CC0): of even lightness steps, and legible to the colour-blind.
const VIRIDIS = (
  "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1f9f88 27ad81 3dbc74 5cc863 81d34d aadc32 d5e21a fde725"
).split(" ").map((colour) => [0, 2, 4].map((at) => parseInt(colour.slice(at, at + 2), 16)));
const OPACITY = [0.12, 0.72]; // where nothing speaks for the genus, and where the strength is 1

// In units of the logit: where the scale ends, and where the line is. The same for every photo and genus, so that weak
// evidence looks weak.
export const FULL = 4;
export const CONTOUR = 2;

/** Draw the evidence, in units of the logit, onto a transparent canvas that lies over the photo; return its strongest value. */
export function draw(canvas, values, box) {
  const { width, height } = canvas;
  const [left, top, right, bottom] = box.map((edge, i) => Math.round(edge * (i % 2 ? height : width)));
  const inside = resample(values, right - left, bottom - top);
  const peak = Math.max(...inside.map((line) => Math.max(...line)));
  const strength = new Float32Array(width * height);
  inside.forEach((line, y) => line.forEach((value, x) => {
    strength[(top + y) * width + left + x] = Math.min(Math.max(value / FULL, 0), 1);
  }));
  paint(canvas, strength);
  return peak;
}

/** Draw the colours from weak to strong. */
export function drawRamp(canvas) {
  const { width, height } = canvas;
  const strength = new Float32Array(width * height).map((_, i) => (i % width) / (width - 1));
  const context = canvas.getContext("2d");
  paint(canvas, strength);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "rgb(128 128 128)";
  context.fillRect(0, 0, width, height);
}

/** Say in which part of the photo most of the evidence lies. */
export function place(values, box) {
  let sum = 0, across = 0, down = 0;
  const [left, top, right, bottom] = box;
  values.forEach((line, y) => line.forEach((value, x) => {
    const weight = Math.max(value, 0);
    sum += weight;
    across += weight * (left + ((x + 0.5) / line.length) * (right - left));
    down += weight * (top + ((y + 0.5) / values.length) * (bottom - top));
  }));
  if (sum === 0) return "nowhere";
  const name = (share, names) => names[share / sum < 0.42 ? 0 : share / sum > 0.58 ? 2 : 1];
  const words = [name(down, ["upper", "", "lower"]), name(across, ["left", "", "right"])].filter(Boolean);
  return words.length ? `towards the ${words.join(" ")}` : "around the middle";
}

function paint(canvas, strength) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const unit = Math.max(width, height, 800) / 800;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const value = strength[i];
      const slope = Math.hypot(difference(strength, i, x, width, 1), difference(strength, i, y, height, width));
      const distance = Math.abs(value - CONTOUR / FULL) / Math.max(slope, 1e-6);
      const light = cover(distance, 1.6 * unit), dark = cover(distance, 3.2 * unit);
      const opacity = OPACITY[0] + (OPACITY[1] - OPACITY[0]) * value;
      const at = value * (VIRIDIS.length - 1), low = Math.min(Math.floor(at), VIRIDIS.length - 2);
      const alpha = 1 - (1 - opacity) * (1 - dark) * (1 - light);
      for (let c = 0; c < 3; c++) {
        const colour = VIRIDIS[low][c] + (VIRIDIS[low + 1][c] - VIRIDIS[low][c]) * (at - low);
        const below = (colour * opacity * (1 - dark) + 20 * dark) * (1 - light) + 255 * light;
        image.data[4 * i + c] = below / alpha;
      }
      image.data[4 * i + 3] = 255 * alpha;
    }
  }
  context.putImageData(image, 0, 0);
}

function difference(strength, i, at, length, step) {
  const before = at > 0 ? i - step : i, after = at < length - 1 ? i + step : i;
  return after === before ? 0 : ((strength[after] - strength[before]) * step) / (after - before);
}

function cover(distance, width) {
  return Math.min(Math.max(width / 2 + 0.5 - distance, 0), 1);
}

/** Enlarge rows of numbers smoothly (bicubic, as Pillow does). */
function resample(values, width, height) {
  const along = weights(values[0].length, width), downwards = weights(values.length, height);
  const wide = values.map((line) => along.map((taps) => taps.reduce((sum, [at, weight]) => sum + weight * line[at], 0)));
  return downwards.map((taps) => Float32Array.from(
    { length: width }, (_, x) => taps.reduce((sum, [at, weight]) => sum + weight * wide[at][x], 0),
  ));
}

function weights(from, to) {
  return Array.from({ length: Math.max(to, 0) }, (_, i) => {
    const centre = ((i + 0.5) * from) / to - 0.5;
    const taps = [];
    for (let at = Math.floor(centre) - 1; at <= Math.floor(centre) + 2; at++) {
      if (at >= 0 && at < from) taps.push([at, cubic(Math.abs(centre - at))]);
    }
    const sum = taps.reduce((total, [, weight]) => total + weight, 0);
    return taps.map(([at, weight]) => [at, weight / sum]);
  });
}

function cubic(x) {
  if (x < 1) return 1.5 * x ** 3 - 2.5 * x ** 2 + 1;
  return x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
}
