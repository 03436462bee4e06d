// The photos on the page: they are taken in, wait for their turn, and each has a card that says what was seen.

import { Card, inOneLine } from "./card.js";
import { make } from "./elements.js";
import { entry, FORMATS, save, sentence } from "./overview.js";

const byId = (id) => document.getElementById(id);
const waiting = [];
let cards = []; // in the order of the page
let number = 0; // of cards so far
let underWay = 0, done = 0, all = 0, last = "";
let genera = {};
let thumbnails = Promise.resolve();
let options;

/**
 * Begin to take photos in. `classify(card)` resolves to the row of a photo, or rejects with a Refusal; `atOnce` is how
 * many photos may be under way, and `preview(card)` shows a photo while it waits.
 */
export function begin(wanted) {
  options = wanted;
  listen();
}

/** Why a photo has no answer, in words for its card. It may have a row all the same, and may be tried again. */
export class Refusal extends Error {
  constructor(problem, { again = false, row = null } = {}) {
    super(problem);
    Object.assign(this, { again, row });
  }
}

/** Say something to those who listen. */
export function announce(words) {
  byId("status").textContent = words;
}

/** Show the table of the genera, and which model it is that answers. */
export function introduce(table, model) {
  byId("model").textContent = `Model: ${model.name} ${model.version}.`;
  genera = Object.fromEntries(table.map((genus) => [genus.name, genus]));
  byId("genera").querySelector("tbody").replaceChildren(...table.map(line));
}

function line(genus) {
  const name = make("th", { scope: "row" }, genus.name, " ", make("abbr", { textContent: genus.abbreviation }));
  const cells = [genus.level, genus.base, genus.look, genus.rain].map((text) => make("td", { textContent: text }));
  return make("tr", { id: `genus-${genus.name}` }, name, ...cells);
}

/** Take in files that were dropped, chosen, taken or pasted. */
export function take(files) {
  const added = [...files].map((file) => new Card(file, { announce, again: (card) => enqueue([card]) }));
  if (!added.length) return;
  for (const card of added) card.element.id = `photo-${++number}`;
  cards = [...added, ...cards];
  byId("results").prepend(...added.map((card) => card.element));
  for (const card of added) thumbnails = thumbnails.then(() => options.preview?.(card));
  added[0].element.scrollIntoView({ block: "nearest" });
  enqueue(added);
}

/** Remove a card, also one that still waits; a photo under way gets its answer, which nobody sees. */
function remove(card) {
  const at = cards.indexOf(card), queued = waiting.indexOf(card);
  cards.splice(at, 1);
  card.element.remove();
  if (queued >= 0) {
    waiting.splice(queued, 1);
    all -= 1;
  }
  overview();
  announce(`${card.file.name} was removed.`);
  const next = byId("entries").children[Math.min(at, cards.length - 1)];
  (byId("overview").hidden ? byId("files") : next.querySelector("button")).focus();
}

function removeAll() {
  for (const card of cards) card.element.remove();
  all -= waiting.length;
  waiting.length = cards.length = 0;
  overview();
  announce("All photos were removed.");
  byId("files").focus();
}

/** Show the list of the photos where there is more than one. */
function overview() {
  byId("overview").hidden = cards.length < 2;
  byId("entries").replaceChildren(...cards.map((card) => entry(card, remove)));
  for (const name of Object.keys(FORMATS)) byId(name).disabled = !cards.some((card) => card.result);
}

function enqueue(added) {
  if (done === all) done = all = 0;
  all += added.length;
  waiting.push(...added);
  last = "";
  work();
}

function work() {
  report();
  while (underWay < options.atOnce && waiting.length) {
    const card = waiting.shift();
    underWay += 1;
    options.classify(card).then((row) => show(card, row), (error) => refuse(card, error)).finally(() => {
      underWay -= 1;
      done += 1;
      work();
    });
  }
}

function report() {
  overview();
  if (all) announce(done < all ? `${done} of ${all} photos looked at` : all === 1 ? last : summary());
}

function summary() {
  return `All ${cards.length} photos looked at: ${sentence(cards.map((card) => card.result ?? { status: "error" }))}`;
}

function show(card, row) {
  keep(card, row);
  card.show(row, genera[row.genus]?.look ?? "");
  last = `${card.file.name}: ${inOneLine(row)}.`;
}

function refuse(card, problem) {
  const unforeseen = (error) => new Refusal(`could not be looked at: ${error.message ?? error}`, { again: true });
  const error = problem instanceof Refusal ? problem : unforeseen(problem);
  if (error.row) keep(card, error.row);
  card.fail(error.message, error.again);
  last = `${card.file.name} ${error.message}.`;
}

/** Keep the row of a photo, without the maps; a form escapes some characters of the file's name. */
function keep(card, { evidence, ...row }) {
  card.result = { ...row, path: card.file.name };
}

function listen() {
  for (const id of ["files", "camera"]) {
    byId(id).addEventListener("change", ({ target }) => {
      take(target.files);
      target.value = ""; // so that the same photo may be chosen again
    });
  }
  byId("camera-choice").hidden = !matchMedia("(any-pointer: coarse)").matches;
  for (const [name, { kind, write }] of Object.entries(FORMATS)) {
    byId(name).addEventListener("click", () => save(`clouds.${name}`, write(cards.flatMap((card) => card.result ?? [])), kind));
  }
  byId("remove-all").addEventListener("click", removeAll);
  document.addEventListener("paste", (event) => take(event.clipboardData.files));
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      const leaves = name === "drop" || (name === "dragleave" && !event.relatedTarget);
      document.body.classList.toggle("dragging", !leaves);
      if (name === "drop") take(event.dataTransfer.files);
    });
  }
}
