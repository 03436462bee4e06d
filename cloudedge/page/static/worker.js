// The worker: it opens the model once, then reads photos one by one, away from the page, which stays quick.

import * as ort from "./ort.js";
import { PhotoError, read, readFrame } from "./photo.js";
import { prepare } from "./preprocess.js";
import { softmax } from "./row.js";

const PICTURE = 960; // the long side of a photo on the page, in pixels
const JUDGES = { familiarity: "unfamiliar", clear: "clear" }; // outputs, and the thresholds that they are held against

let facts, session, outputs;
let work = Promise.resolve(); // one photo at a time

const TASKS = { open, photo, frame };

onmessage = ({ data: { id, task, argument } }) => {
  work = work.then(() => TASKS[task](argument)).then(
    ({ answer, transfer = [] }) => postMessage({ id, answer }, transfer),
    (error) => postMessage({ id, problem: problem(task, error) }),
  );
};

function problem(task, error) {
  const words = error.message ?? String(error); // onnxruntime throws numbers too
  return task === "open" || error instanceof PhotoError ? words : `cannot be looked at (${words})`;
}

/** Open the model; each file that is loaded must be the one that the folder was made with. */
async function open(wanted) {
  facts = wanted;
  const [wasm, model] = await Promise.all(["ort.bin", "model.bin"].map(load));
  Object.assign(ort.env.wasm, { numThreads: 1, proxy: false, wasmBinary: wasm });
  ort.env.logLevel = "error";
  session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ["wasm"] });
  const judges = Object.keys(JUDGES).filter((name) => JUDGES[name] in facts.model.thresholds);
  outputs = ["logits", ...session.outputNames.filter((name) => name === "evidence"), ...judges];
  return { answer: true };
}

async function load(name) {
  const response = await fetch(name, { integrity: facts.files[name] }).catch(() => null);
  if (!response?.ok) throw new Error(`${name} cannot be loaded, or is not the file that belongs to this page`);
  const unpacked = response.body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(unpacked).arrayBuffer();
}

async function photo(file) {
  const { picture, bitmap, capturedAt } = await read(file, facts);
  const small = await shown(bitmap);
  bitmap.close();
  const { evidence, ...reading } = await look(picture);
  return { answer: { reading, evidence, capturedAt, picture: small }, transfer: [small] };
}

/** Return a photo at the size in which the page shows it. */
function shown(bitmap) {
  const scale = Math.min(PICTURE / Math.max(bitmap.width, bitmap.height), 1);
  const size = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  return createImageBitmap(bitmap, { resizeWidth: size[0], resizeHeight: size[1], resizeQuality: "medium" });
}

async function frame(bitmap) {
  const picture = readFrame(bitmap, facts);
  bitmap.close();
  const { evidence, ...reading } = await look(picture);
  return { answer: reading };
}

/** Run the model on a picture RGB. */
async function look(picture) {
  const { model } = facts;
  const { input, shape, luminance } = prepare(picture, model);
  const found = await session.run({ image: new ort.Tensor("float32", input, shape) }, outputs);
  return {
    probabilities: softmax(found.logits.data, model.temperature),
    luminance,
    familiarity: found.familiarity?.data[0] ?? null,
    clear: found.clear?.data[0] ?? null,
    evidence: found.evidence ? maps(found.evidence, model.classes) : null,
  };
}

/** Return the evidence of each class as rows of numbers. */
function maps({ data, dims: [, , height, width] }, classes) {
  const line = (start) => Array.from(data.subarray(start, start + width));
  const map = (start) => Array.from({ length: height }, (_, y) => line(start + y * width));
  return Object.fromEntries(classes.map((name, i) => [name, map(i * height * width)]));
}
