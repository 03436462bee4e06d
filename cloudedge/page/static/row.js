// From what the model says of a photo to its row, version 2: as cloudedge's classifier.py does it.

const TOP = 3;

/** Turn logits into calibrated probabilities (temperature scaling, Guo et al. 2017, arXiv:1706.04599). */
export function softmax(logits, temperature) {
  const scaled = Array.from(logits, (logit) => logit / temperature), peak = Math.max(...scaled);
  const powers = scaled.map((value) => Math.exp(value - peak));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/**
 * Make the row of a photo. `reading` holds what was measured: `probabilities` in the order of the model's classes,
 * `luminance`, and `familiarity` and `clear` or null.
 */
export function rowOf(path, reading, capturedAt, facts) {
  const { model, genera, nameless, bases } = facts;
  const ranked = model.classes
    .map((name, i) => ({ genus: genera.find((genus) => genus.name === name), probability: reading.probabilities[i] }))
    .sort((a, b) => b.probability - a.probability);
  const [{ genus: best, probability }] = ranked;
  const reason = doubt(reading, probability, model.thresholds);
  const isNamed = !(reason in nameless);
  const level = isNamed ? levelOf(ranked) : null;
  return {
    path,
    status: "ok",
    error: null,
    genus: isNamed ? best.name : null,
    abbreviation: isNamed ? best.abbreviation : null,
    probability: isNamed ? probability : null,
    certain: reason === null,
    reason,
    level,
    base: level && bases[level.name],
    rain: isNamed ? best.rain : null,
    top: ranked.slice(0, TOP).map((entry) => ({ genus: entry.genus.name, probability: entry.probability })),
    captured_at: capturedAt,
    time_source: capturedAt && "exif",
    sun: null, // the page does not ask where it is
    model: nameOf(model),
  };
}

/** Make the row of a photo that cannot be read. */
export function errorRow(path, error, { model }) {
  const nothing = ["genus", "abbreviation", "probability", "certain", "reason", "level", "base", "rain"];
  return {
    path, status: "error", error, ...Object.fromEntries(nothing.map((name) => [name, null])),
    top: [], captured_at: null, time_source: null, sun: null, model: nameOf(model),
  };
}

export const nameOf = (model) => `${model.name} ${model.version}`;

/** The gravest reason not to trust the genus: too dark to see, no known sight, no cloud, no clear favourite. */
function doubt({ luminance, familiarity, clear }, probability, thresholds) {
  if (luminance < thresholds.dark) return "dark";
  if (familiarity !== null && familiarity < thresholds.unfamiliar) return "unfamiliar";
  if (clear !== null && clear >= thresholds.clear) return "clear";
  return probability < thresholds.low_confidence ? "low_confidence" : null;
}

function levelOf(ranked) {
  const sums = new Map();
  for (const { genus, probability } of ranked) sums.set(genus.level, (sums.get(genus.level) ?? 0) + probability);
  const [name, sum] = [...sums].reduce((most, entry) => (entry[1] > most[1] ? entry : most));
  return { name, probability: Math.min(sum, 1) };
}
