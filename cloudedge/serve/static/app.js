// The page of a server: photos go to it one by one.

import { announce, begin, introduce, Refusal } from "./gallery.js";

const AT_ONCE = 2; // photos on their way
const TRIES = 20; // while the server says that it is busy

const byId = (id) => document.getElementById(id);
let facts = { limits: {} };

const megabytes = (bytes) => `${Math.ceil(bytes / 2 ** 20)} MB`;

async function classify(card) {
  await started;
  const problem = await unfit(card.file);
  if (problem) throw new Refusal(problem);
  for (let tries = 0; tries < TRIES; tries++) {
    const { status, body, retryAfter } = await send(card);
    if (status === 503) {
      card.wait("The server is busy; waiting");
      await new Promise((go) => setTimeout(go, 1000 * (retryAfter || 1)));
    } else if (status === 401) {
      card.wait("Waiting for the token");
      await askForToken();
    } else if (status === 0) {
      throw new Refusal("did not get through: the server cannot be reached. Is cloudedge still running?", { again: true });
    } else if (status === 200) {
      return body[0];
    } else {
      const again = status >= 500 || status === 408;
      throw new Refusal(body?.error ?? `was answered with the status ${status}`, { again, row: body?.rows?.[0] });
    }
  }
  throw new Refusal("had to wait too long: the server is busy", { again: true });
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
    introduce(await read("genera"), facts);
  } catch {
    announce("The server cannot be reached. Is cloudedge still running?");
  }
}

begin({ classify, atOnce: AT_ONCE, preview: (card) => card.showPhoto() });
const started = start();
