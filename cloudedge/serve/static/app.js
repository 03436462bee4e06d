// The page: photos go to the server one by one, and each becomes a card that says what was seen.

import { draw, drawRamp, place } from "./overlay.js";

const AT_ONCE = 2; // photos on their way
const LONG_SIDE = 960; // of a photo on the page, in pixels
const TRIES = 20; // while the server says that it is busy

const DOUBTS = {
  low_confidence: "no genus stands out. The best guess and what else it may be:",
  unfamiliar: "this photo is unlike the skies that the model knows. Its best guess all the same:",
  dark: "the photo is too dark to tell. The best guess all the same:",
  clear: "the sky looks clear, with hardly any cloud to name. The best guess all the same:",
};

const byId = (id) => document.getElementById(id);
const waiting = [];
let onTheirWay = 0, done = 0, all = 0, last = "";
let facts = { limits: {} }, genera = {};
let thumbnails = Promise.resolve();

/** Make an element with properties and children; text is only ever text. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const percent = (p) => (p > 0 && p < 0.005 ? "<1%" : `${Math.round(100 * p)}%`);
const megabytes = (bytes) => `${Math.ceil(bytes / 2 ** 20)} MB`;

class Card {
  constructor(file) {
    this.file = file;
    this.element = byId("card").content.firstElementChild.cloneNode(true);
    this.find(".name").textContent = file.name;
    this.find(".photo").setAttribute("aria-label", `Photo ${file.name}`);
    this.find(".why").addEventListener("click", () => this.toggle());
    this.wait("Waiting");
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  wait(words, share) {
    this.find(".progress").hidden = false;
    this.find(".progress span").textContent = words;
    const bar = this.find("progress");
    bar.setAttribute("aria-label", `${words}: ${this.file.name}`);
    if (share === undefined) bar.removeAttribute("value");
    else bar.value = share;
  }

  async showPhoto() {
    const canvas = this.find(".photo");
    try {
      const picture = await createImageBitmap(this.file);
      const scale = Math.min(LONG_SIDE / Math.max(picture.width, picture.height), 1);
      canvas.width = Math.max(1, Math.round(picture.width * scale));
      canvas.height = Math.max(1, Math.round(picture.height * scale));
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      picture.close();
    } catch {
      canvas.remove();
      this.find(".why").hidden = true;
      this.find(".picture").append(make("p", { textContent: "This browser cannot show the file." }));
    }
  }

  show(row) {
    this.row = row;
    this.find(".progress").hidden = true;
    const heading = make("h2", {}, row.genus, " ", make("abbr", { textContent: row.abbreviation }));
    const sure = make("strong", { className: "probability", textContent: percent(row.probability) });
    this.words(make("div", { className: "title" }, heading, sure));
    if (!row.certain) {
      const doubt = DOUBTS[row.reason] ?? row.reason;
      this.add(make("p", { className: "notice" }, make("strong", { textContent: "Not sure: " }), doubt));
    }
    this.add(make("ol", { className: "bars" }, ...row.top.map((entry) => this.bar(entry))));
    this.add(this.setting(row));
    this.find(".why").hidden = !(row.evidence && this.find(".photo"));
    this.choose(row.genus);
  }

  words(...children) {
    this.find(".words").replaceChildren(...children);
  }

  add(child) {
    this.find(".words").append(child);
  }

  bar({ genus, probability }) {
    const fill = make("span", { className: "fill" });
    fill.style.width = `${100 * probability}%`;
    const name = make("span", { className: "genus", textContent: genus });
    const words = [name, make("span", { textContent: percent(probability) }), make("span", { className: "track" }, fill)];
    const button = make("button", { type: "button", title: `Show where ${genus} is seen` }, ...words);
    button.dataset.genus = genus;
    button.addEventListener("click", () => this.choose(genus, true));
    return make("li", {}, button);
  }

  setting(row) {
    const pairs = [
      ["Level", `${row.level.name} (${percent(row.level.probability)})`],
      ["Cloud base", row.base],
      ["Rain", row.rain],
    ];
    if (row.captured_at) pairs.push(["Taken", row.captured_at.replace("T", " ")]);
    pairs.push([`What ${row.genus} looks like`, genera[row.genus]?.look ?? ""]);
    const list = make("dl", {}, ...pairs.map(([name, value]) => make("div", {},
      make("dt", { textContent: name }), make("dd", { textContent: value }))));
    const link = make("a", { href: `#genus-${row.genus}`, textContent: "Compare the ten genera" });
    return make("div", {}, list, make("p", { className: "more" }, link));
  }

  toggle() {
    this.showsWhy = !this.showsWhy;
    this.choose(this.genus);
    if (this.showsWhy) announce(this.find(".overlay").getAttribute("aria-label"));
  }

  /** Choose the genus whose evidence is shown, and show it where that is wanted. */
  choose(genus, wanted = this.showsWhy) {
    this.genus = genus;
    this.showsWhy = Boolean(wanted && this.row.evidence && this.find(".photo"));
    for (const button of this.element.querySelectorAll(".bars button")) {
      button.disabled = this.find(".why").hidden;
      button.setAttribute("aria-pressed", String(this.showsWhy && button.dataset.genus === genus));
    }
    const why = this.find(".why");
    why.setAttribute("aria-pressed", String(Boolean(this.showsWhy)));
    why.textContent = this.showsWhy ? "Show the photo alone" : "Show where it is seen";
    this.element.classList.toggle("shows-why", this.showsWhy);
    this.find(".overlay").hidden = this.find(".legend").hidden = !this.showsWhy;
    if (this.showsWhy) this.drawEvidence(genus);
  }

  drawEvidence(genus) {
    const { maps, box } = this.row.evidence;
    const photo = this.find(".photo"), overlay = this.find(".overlay");
    overlay.width = photo.width;
    overlay.height = photo.height;
    const peak = draw(overlay, maps[genus], box);
    drawRamp(this.find(".ramp"));
    const where = peak > 0 ? `What speaks for ${genus} lies mostly ${place(maps[genus], box)}` : `Nothing speaks for ${genus}`;
    overlay.setAttribute("aria-label", where);
    this.find(".about").textContent = `speaks for ${genus}`;
    this.find(".peak").textContent = Math.max(peak, 0).toFixed(1);
  }

  fail(problem, again = false) {
    this.find(".progress").hidden = true;
    this.element.classList.add("failed");
    this.words(make("p", { className: "notice problem" }, make("strong", { textContent: this.file.name }), ` ${problem}`));
    if (!again) return;
    const button = make("button", { type: "button", className: "again", textContent: "Try again" });
    button.addEventListener("click", () => {
      this.element.classList.remove("failed");
      this.words();
      this.wait("Waiting");
      enqueue([this]);
    });
    this.add(button);
  }
}

/** Take in files that were dropped, chosen, taken or pasted. */
function take(files) {
  const cards = [...files].map((file) => new Card(file));
  if (!cards.length) return;
  byId("results").prepend(...cards.map((card) => card.element));
  for (const card of cards) thumbnails = thumbnails.then(() => card.showPhoto());
  cards[0].element.scrollIntoView({ block: "nearest" });
  enqueue(cards);
}

function enqueue(cards) {
  if (done === all) done = all = 0;
  all += cards.length;
  waiting.push(...cards);
  last = "";
  work();
}

function work() {
  report();
  while (onTheirWay < AT_ONCE && waiting.length) {
    const card = waiting.shift();
    onTheirWay += 1;
    classify(card).finally(() => {
      onTheirWay -= 1;
      done += 1;
      work();
    });
  }
}

function report() {
  if (all) announce(done < all ? `${done} of ${all} photos looked at` : `${all === 1 ? "" : `All ${all} photos looked at. `}${last}`);
}

function announce(words) {
  byId("status").textContent = words;
}

async function classify(card) {
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
      card.show(row);
      last = `${row.path}: ${row.certain ? "" : "not sure, perhaps "}${row.genus}, ${percent(row.probability)}.`;
      return undefined;
    } else {
      return refuse(card, body?.error ?? `was answered with the status ${status}`, status >= 500 || status === 408);
    }
  }
  return refuse(card, "had to wait too long: the server is busy", true);
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
    form.querySelector("label").textContent = again ? "That is not the token; once more:" : "This server asks for a token:";
    form.hidden = false;
    byId("secret").value = "";
    byId("secret").focus();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem("token", byId("secret").value);
      form.hidden = true;
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
start();
