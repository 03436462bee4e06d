// The camera's picture, named a few times a second. Frames go to the worker and nowhere else.

import { ask } from "./engine.js";
import { make, NAMELESS, percent } from "./elements.js";
import { rowOf } from "./row.js";

const PERIOD = 400; // ms from one frame to the next, and at least three times what one takes: the rest saves power
const SHARE = 0.3; // of a new frame in the running mean, so that the answer does not flicker
const STEADY = 3; // frames in a row that must say otherwise before the words change
const WANTED = { facingMode: "environment", width: { ideal: 640 }, height: { ideal: 480 } };

const find = (id) => document.getElementById(id);
let facts, keepPhoto;
let stream = null, mean = null, shown = "", streak = 0;

/** Add the button that starts the camera, where the browser can have one; `keep` takes the files of kept frames. */
export function offerCamera(known, keep) {
  if (!navigator.mediaDevices?.getUserMedia) return;
  [facts, keepPhoto] = [known, keep];
  const button = make("button", { type: "button", id: "live-start", textContent: "Name the sky live" });
  button.addEventListener("click", begin);
  find("camera-choice").after(button);
  find("drop").after(view());
  document.addEventListener("visibilitychange", () => document.hidden && end());
}

function view() {
  const stop = make("button", { type: "button", id: "live-stop", textContent: "Stop" });
  stop.addEventListener("click", end);
  const keep = make("button", { type: "button", id: "live-keep", textContent: "Keep this photo" });
  keep.addEventListener("click", keepFrame);
  const video = make("video", { id: "live-video", muted: true, playsInline: true });
  video.setAttribute("aria-label", "What the camera sees");
  const name = make("p", { id: "live-name" });
  name.setAttribute("role", "status");
  const words = make("div", {}, name, make("p", { id: "live-words" }), make("div", { className: "choices" }, keep, stop));
  const section = make("section", { id: "live", hidden: true }, video, words);
  section.setAttribute("aria-label", "The sky now");
  return section;
}

async function begin() {
  find("live-start").disabled = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: WANTED });
  } catch (error) {
    const isRefused = error.name === "NotAllowedError";
    say(isRefused ? "The camera is not allowed. Allow it in the browser's settings." : "No camera can be used here.", "");
    find("live").hidden = false;
    find("live-start").disabled = false;
    return;
  }
  [mean, shown, streak] = [null, "", 0];
  say("Looking", "");
  find("live").hidden = false;
  find("live-video").srcObject = stream;
  await find("live-video").play();
  find("live-stop").focus();
  watch(stream);
}

function end() {
  if (!stream && find("live").hidden) return;
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  find("live-video").srcObject = null;
  find("live").hidden = true;
  find("live-start").disabled = false;
  if (!document.hidden) find("live-start").focus();
}

/** Look at the camera until it is another's turn or nobody's. */
async function watch(mine) {
  while (stream === mine) {
    const began = performance.now();
    const frame = await createImageBitmap(find("live-video")).catch(() => null); // it may have no picture yet
    try {
      const reading = frame && (await ask("frame", frame, [frame]));
      if (reading && stream === mine) show(reading);
    } catch (error) {
      say("Not looked at", `The picture ${error.message}.`);
      return;
    }
    await new Promise((go) => setTimeout(go, Math.max(PERIOD, 3 * (performance.now() - began))));
  }
}

function show(reading) {
  mean = mean ? mixed(mean, reading) : reading;
  const row = rowOf(null, mean, null, facts);
  const title = row.certain ? row.genus : NAMELESS[row.reason] ?? "Not sure";
  streak = title === shown ? 0 : streak + 1;
  if (!shown || streak >= STEADY) [shown, streak] = [title, 0];
  say(shown, row.top.map(({ genus, probability }) => `${genus} ${percent(probability)}`).join(", "));
}

/** Move a running mean of readings towards the latest one. */
function mixed(before, reading) {
  const mix = (a, b) => (a === null ? b : Array.isArray(a) ? a.map((value, i) => mix(value, b[i])) : a + SHARE * (b - a));
  return Object.fromEntries(Object.keys(reading).map((name) => [name, mix(before[name], reading[name])]));
}

/** Show a name and the guesses; only a change of the name is read aloud. */
function say(name, guesses) {
  if (find("live-name").textContent !== name) find("live-name").textContent = name;
  find("live-words").textContent = guesses;
}

async function keepFrame() {
  const video = find("live-video");
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  const now = new Date();
  const name = `sky-${now.toLocaleDateString("sv")}-${now.toTimeString().slice(0, 8).replaceAll(":", "-")}.jpg`;
  keepPhoto([new File([blob], name, { type: "image/jpeg" })]);
}
