// Pillow's arithmetic: its averaging by a whole number (`Image.reduce`) and its antialiased resizing, to the last bit.
// A picture is {data, width, height}: RGB, three bytes a pixel, row by row.

const PRECISION_BITS = 32 - 8 - 2; // of the weights, as in Pillow's Resample.c
const HALF = 1 << (PRECISION_BITS - 1);

const FILTERS = {
  bilinear: { support: 1, weight: (x) => (Math.abs(x) < 1 ? 1 - Math.abs(x) : 0) },
  bicubic: { support: 2, weight: cubic },
};

function cubic(value) {
  const a = -0.5, x = Math.abs(value);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Average all rows RGBA of the given width to one row RGB, which begins at `at` in the target. */
export function averageRows(rows, width, factor, target, at) {
  const down = rows.length / (4 * width);
  for (let left = 0, i = at; left < width; left += factor) {
    const right = Math.min(left + factor, width);
    let red = 0, green = 0, blue = 0;
    for (let y = 0; y < down; y++) {
      for (let j = 4 * (y * width + left), end = j + 4 * (right - left); j < end; j += 4) {
        red += rows[j];
        green += rows[j + 1];
        blue += rows[j + 2];
      }
    }
    const number = down * (right - left), multiplier = Math.floor(2 ** 24 / number), half = number >> 1;
    target[i++] = Math.floor(((red + half) * multiplier) / 2 ** 24);
    target[i++] = Math.floor(((green + half) * multiplier) / 2 ** 24);
    target[i++] = Math.floor(((blue + half) * multiplier) / 2 ** 24);
  }
}

/**
 * Resize a picture with antialiasing: along the rows and down the columns, each rounded to bytes. As in Pillow from version
 * 13 on, the columns come first if the height shrinks, and by more than twice as many pixels as the width.
 */
export function resize(picture, width, height, interpolation) {
  const filter = FILTERS[interpolation], lost = picture.height - height;
  if (lost > Math.max(0, 2 * (picture.width - width))) return along(down(picture, height, filter), width, filter);
  return down(along(picture, width, filter), height, filter);
}

function along(picture, width, filter) {
  if (width === picture.width) return picture;
  const taps = weights(picture.width, width, filter);
  const result = { data: new Uint8ClampedArray(3 * width * picture.height), width, height: picture.height };
  for (let y = 0, i = 0; y < picture.height; y++) {
    for (const { first, values } of taps) {
      const start = 3 * (y * picture.width + first);
      for (let channel = 0; channel < 3; channel++) result.data[i++] = sum(picture.data, start + channel, 3, values);
    }
  }
  return result;
}

function down(picture, height, filter) {
  if (height === picture.height) return picture;
  const line = 3 * picture.width;
  const result = { data: new Uint8ClampedArray(line * height), width: picture.width, height };
  weights(picture.height, height, filter).forEach(({ first, values }, y) => {
    for (let x = 0; x < line; x++) result.data[y * line + x] = sum(picture.data, first * line + x, line, values);
  });
  return result;
}

function sum(data, start, step, values) {
  let total = HALF;
  for (let k = 0, j = start; k < values.length; k++, j += step) total += data[j] * values[k];
  return total >> PRECISION_BITS; // the array clamps it to 0..255
}

/** The weights of the pixels that each of `to` pixels is made of, as whole numbers (precompute_coeffs). */
function weights(from, to, { support, weight }) {
  const scale = from / to, stretch = Math.max(scale, 1), reach = support * stretch;
  return Array.from({ length: to }, (_, at) => {
    const centre = (at + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0), end = Math.min(Math.trunc(centre + reach + 0.5), from);
    const shares = Array.from({ length: end - first }, (_, i) => weight((i + first - centre + 0.5) * (1 / stretch)));
    let total = 0;
    for (const share of shares) total += share;
    const values = Int32Array.from(shares, (share) => {
      const scaled = (total === 0 ? share : share / total) * 2 ** PRECISION_BITS;
      return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    });
    return { first, values };
  });
}
