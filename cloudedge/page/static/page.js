// The page without a server: photos are looked at in this browser, and go nowhere.

import { announce, begin, introduce, Refusal, take } from "./gallery.js";
import { ask, start as startEngine } from "./engine.js";
import { offerCamera } from "./live.js";
import { errorRow, rowOf } from "./row.js";

const byId = (id) => document.getElementById(id);
let facts;

async function classify(card) {
  card.wait("Waiting for the model", 0);
  const problem = await started;
  if (problem) throw new Refusal(`cannot be looked at. ${problem}`);
  card.wait("Looking");
  try {
    const { reading, evidence, capturedAt, picture } = await ask("photo", card.file);
    await card.showPhoto(picture);
    const row = rowOf(card.file.name, reading, capturedAt, facts);
    return { ...row, evidence: evidence && { box: facts.seen, maps: evidence } };
  } catch (error) {
    await card.showPhoto(Promise.reject(error)); // there is nothing to show
    throw new Refusal(error.message, { row: errorRow(card.file.name, error.message, facts) });
  }
}

/** Load the model; return what is wrong, in a sentence, or null. */
async function start() {
  try {
    const { href, integrity } = byId("facts");
    facts = await (await fetch(href, { integrity })).json();
    introduce(facts.genera, facts.model);
    announce(`Loading the model (${(facts.bytes / 1e6).toFixed(1)} MB, only the first time)`);
    const isKept = await keep();
    await startEngine(facts);
    announce(isKept ? "Ready, also without a network." : "Ready.");
    offerCamera(facts, take);
    return null;
  } catch (error) {
    const words = error instanceof TypeError ? "A file of this page cannot be loaded. Reload the page." : error.message;
    announce(words);
    return words.replace(/\.$/, ""); // the card ends the sentence
  }
}

/** Keep all files in the browser, for the next visit and for times without a network; return whether they are. */
async function keep() {
  try {
    const { installing, active } = await navigator.serviceWorker.register("sw.js");
    if (active || !installing) return Boolean(active);
    return await new Promise((resolve) => {
      installing.addEventListener("statechange", () => {
        if (installing.state === "activated") resolve(true);
        if (installing.state === "redundant") resolve(false);
      });
    });
  } catch {
    return false; // no address that begins with https, or a private window
  }
}

begin({ classify, atOnce: 1 });
const started = start();
