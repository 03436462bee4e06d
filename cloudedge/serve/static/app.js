// The page: photos go to the server one by one, and each has a card that says what was seen.

import { Card, inOneLine } from "./card.js";
import { make } from "./elements.js";
import { entry, FORMATS, save, sentence } from "./overview.js";

const AT_ONCE = 2; // photos on their way
const TRIES = 20; // while the server says that it is busy

const byId = (id) => document.getElementById(id);
const waiting = [];
let cards = []; // in the order of the page
let number = 0; // of cards so far
let onTheirWay = 0, done = 0, all = 0, last = "";
let facts = { limits: {} }, genera = {};
let thumbnails = Promise.resolve();

const megabytes = (bytes) => `${Math.ceil(bytes / 2 ** 20)} MB`;

/** Take in files that were dropped, chosen, taken or pasted. */
function take(files) {
  const added = [...files].map((file) => new Card(file, { announce, again: (card) => enqueue([card]) }));
  if (!added.length) return;
  for (const card of added) card.element.id = `photo-${++number}`;
  cards = [...added, ...cards];
  byId("results").prepend(...added.map((card) => card.element));
  for (const card of added) thumbnails = thumbnails.then(() => card.showPhoto());
  added[0].element.scrollIntoView({ block: "nearest" });
  enqueue(added);
}

/** Remove a card, also one that still waits; a photo on its way gets its answer, which nobody sees. */
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
  while (onTheirWay < AT_ONCE && waiting.length) {
    const card = waiting.shift();
    onTheirWay += 1;
    classify(card).catch((error) => refuse(card, `could not be sent: ${error.message}`, true)).finally(() => {
      onTheirWay -= 1;
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

function announce(words) {
  byId("status").textContent = words;
}

async function classify(card) {
  await started;
  const problem = await unfit(card.file);
  if (problem) return refuse(card, problem);
  for (let tries = 0; tries < TRIES; tries++) {
    const { status, body, retryAfter } = await send(card);
    if (status === 503) {
      card.wait("The server is busy; waiting");
      await new Promise((go) => setTimeout(go, 1000 * (retryAfter || 1)));
    } else if (status === 401) {
      card.wait("Waiting for the token");
      await askForToken();
    } else if (status === 0) {
      return refuse(card, "did not get through: the server cannot be reached. Is cloudedge still running?", true);
    } else if (status === 200) {
      const [row] = body;
      keep(card, row);
      card.show(row, genera[row.genus]?.look ?? "");
      last = `${card.file.name}: ${inOneLine(row)}.`;
      return undefined;
    } else {
      if (body?.rows) keep(card, body.rows[0]);
      return refuse(card, body?.error ?? `was answered with the status ${status}`, status >= 500 || status === 408);
    }
  }
  return refuse(card, "had to wait too long: the server is busy", true);
}

/** Keep what the server said of a photo, without the maps; a form escapes some characters of the file's name. */
function keep(card, { evidence, ...row }) {
  card.result = { ...row, path: card.file.name };
}

function refuse(card, problem, again) {
  card.fail(problem, again);
  last = `${card.file.name} ${problem}.`;
}

/** Say what is wrong with a file that need not be sent. */
async function unfit(file) {
  const limit = facts.limits.bytes;
  if (limit && file.size > limit - 4096) return `has ${megabytes(file.size)}, more than ${megabytes(limit)}; scale it down`;
  try {
    await file.slice(0, 1).arrayBuffer();
    return null;
  } catch {
    return "cannot be read; drop photos, not folders";
  }
}

/** Send a photo; fetch would not tell of the progress. */
function send(card) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("photo", card.file);
    card.wait("Sending", 0);
    request.upload.addEventListener("progress", ({ loaded, total }) => card.wait("Sending", loaded / total));
    request.upload.addEventListener("load", () => card.wait("Looking"));
    request.addEventListener("loadend", () => {
      resolve({ status: request.status, body: parsed(request.responseText), retryAfter: Number(request.getResponseHeader("Retry-After")) });
    });
    request.open("POST", "classify?evidence=true");
    for (const [name, value] of Object.entries(credentials())) request.setRequestHeader(name, value);
    request.send(form);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function credentials() {
  const token = sessionStorage.getItem("token");
  return token ? { Authorization: `Bearer ${token}` } : {};
}

let asked = null;

/** Ask for the token once, however many are waiting for it. */
function askForToken() {
  asked ??= new Promise((resolve) => {
    const form = byId("token");
    const again = sessionStorage.getItem("token") !== null;
    form.querySelector("label").textContent = again ? "That is not the token; try again:" : "This server needs a token:";
    form.hidden = false;
    byId("secret").value = "";
    byId("secret").focus();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      // No header takes other characters, and no server has a token with them: an empty one is asked for again.
      sessionStorage.setItem("token", /^[!-~]+$/.test(byId("secret").value) ? byId("secret").value : "");
      form.hidden = true;
      byId("files").focus();
      asked = null;
      resolve();
    }, { once: true });
  });
  return asked;
}

async function read(path) {
  for (;;) {
    const response = await fetch(path, { headers: credentials() });
    if (response.status !== 401) return response.json();
    await askForToken();
  }
}

async function start() {
  try {
    facts = await read("model");
    byId("model").textContent = `Model: ${facts.name} ${facts.version}.`;
    const table = await read("genera");
    genera = Object.fromEntries(table.map((genus) => [genus.name, genus]));
    byId("genera").querySelector("tbody").replaceChildren(...table.map(line));
  } catch {
    announce("The server cannot be reached. Is cloudedge still running?");
  }
}

function line(genus) {
  const name = make("th", { scope: "row" }, genus.name, " ", make("abbr", { textContent: genus.abbreviation }));
  const cells = [genus.level, genus.base, genus.look, genus.rain].map((text) => make("td", { textContent: text }));
  return make("tr", { id: `genus-${genus.name}` }, name, ...cells);
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
  byId("remove-all").addEventListener("click", () => {
    for (const card of cards) card.element.remove();
    all -= waiting.length;
    waiting.length = cards.length = 0;
    overview();
    announce("All photos were removed.");
    byId("files").focus();
  });
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

listen();
const started = start();
