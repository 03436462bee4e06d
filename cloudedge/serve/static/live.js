// The live page: what the report shows, fetched again when it has changed.

const EVERY_MS = 5000;

const byId = (id) => document.getElementById(id);
const pictures = new Map(); // address -> address of the picture in this page
let tag = "";

function authorization() {
  const token = sessionStorage.getItem("token");
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** Fetch the page, show it if it has changed, and do so again later. */
async function refresh() {
  try {
    const response = await fetch("live/page", { cache: "no-store", headers: { ...authorization(), "If-None-Match": tag } });
    if (response.status === 401) return ask();
    byId("token").hidden = true;
    if (response.ok) {
      tag = response.headers.get("ETag");
      show(new DOMParser().parseFromString(await response.text(), "text/html"));
    }
    const isFine = response.ok || response.status === 304;
    say(isFine ? "Live: this page follows the camera" : (await response.json()).error);
  } catch {
    say("The server does not answer; trying again");
  }
  setTimeout(refresh, EVERY_MS);
}

/** Put the new page in place of the old one; what was open stays open, and the focus stays where it was. */
function show(fresh) {
  const sky = byId("sky");
  const open = [...sky.querySelectorAll("details[open]")].map((details) => details.id);
  const closed = [...sky.querySelectorAll("details:not([open])")].map((details) => details.id);
  const focused = document.activeElement?.closest("details")?.id;
  sky.replaceChildren(...fresh.body.childNodes);
  for (const details of sky.querySelectorAll("details")) {
    details.open = open.includes(details.id) || (details.open && !closed.includes(details.id));
    if (details.id === focused) details.querySelector("summary").focus({ preventScroll: true });
  }
  document.title = sky.querySelector("h1").textContent;
  const shown = [...sky.querySelectorAll("img[data-picture]")];
  const wanted = new Set(shown.map((image) => image.dataset.picture));
  for (const [address, picture] of pictures) {
    if (!wanted.has(address)) {
      URL.revokeObjectURL(picture);
      pictures.delete(address);
    }
  }
  seen.disconnect();
  for (const image of shown) seen.observe(image);
}

/** Fetch pictures when they come into view: a token cannot go with the address of an image. */
const seen = new IntersectionObserver(async (entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    const address = target.dataset.picture;
    if (!pictures.has(address)) {
      const response = await fetch(address, { headers: authorization() });
      if (!response.ok) continue;
      pictures.set(address, URL.createObjectURL(await response.blob()));
    }
    target.src = pictures.get(address);
  }
}, { rootMargin: "300px" });

function ask() {
  say("");
  byId("token").hidden = false;
  byId("secret").focus();
}

function say(text) {
  if (byId("status").textContent !== text) byId("status").textContent = text;
}

byId("token").addEventListener("submit", (event) => {
  event.preventDefault();
  // No header takes other characters, and no server has a token with them.
  sessionStorage.setItem("token", /^[!-~]+$/.test(byId("secret").value) ? byId("secret").value : "");
  byId("secret").value = "";
  refresh();
});

refresh();
