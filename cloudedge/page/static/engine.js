// The page's side of the worker: ask, and be answered.

const NEEDED = ["WebAssembly", "OffscreenCanvas", "DecompressionStream", "createImageBitmap", "Worker"];

let worker, count = 0, end = null;
const asked = new Map();

/** Start the worker and let it open the model; reject with a sentence where that fails. */
export async function start(facts) {
  const missing = NEEDED.filter((name) => !(name in globalThis));
  if (missing.length) {
    const cure = missing[0] === "WebAssembly" ? "Allow it in its settings, or use another browser." : "Use a newer one.";
    throw new Error(`This browser has no ${missing[0]}, which this page needs. ${cure}`);
  }
  worker = new Worker("worker.js", { type: "module" });
  worker.addEventListener("message", ({ data }) => settle(data));
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    end = `cannot be looked at (${event.message ?? "the worker cannot be started"}); reload the page`;
    for (const id of asked.keys()) settle({ id, problem: end });
  });
  try {
    await ask("open", facts);
  } catch (error) {
    throw new Error(`The model cannot be opened: ${error.message}. Reload the page.`, { cause: error });
  }
}

/** Ask the worker for one of its tasks; reject with its words for what is wrong. */
export function ask(task, argument, transfer = []) {
  return new Promise((resolve, reject) => {
    if (end !== null) throw new Error(end);
    const id = ++count;
    asked.set(id, { resolve, reject });
    worker.postMessage({ id, task, argument }, transfer);
  });
}

function settle({ id, answer, problem }) {
  const { resolve, reject } = asked.get(id);
  asked.delete(id);
  if (problem === undefined) resolve(answer);
  else reject(new Error(problem));
}
