// The service worker: it keeps the page's files, each as it was when the folder was made, and answers from them.

const FILES = {}; // name: integrity
const VERSION = "";
const POLICY = "";

const OURS = `cloudedge ${registration.scope} `; // other pages of this address have caches of their own

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(Promise.all([forget(), clients.claim()])));
addEventListener("fetch", (event) => {
  const name = nameOf(event.request);
  if (name !== null) event.respondWith(answer(name, event.request));
});

async function keep() {
  const cache = await caches.open(OURS + VERSION);
  for (const [name, integrity] of Object.entries(FILES)) {
    const response = await fetch(name, { integrity, cache: "no-cache" }); // asks whether the browser's copy is the latest
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    await cache.put(name, restricted(response));
  }
}

/** A worker obeys the policy that its own file comes with, which few hosts can be told. */
function restricted({ body, headers }) {
  return new Response(body, { headers: { "Content-Type": headers.get("Content-Type"), "Content-Security-Policy": POLICY } });
}

async function forget() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OURS) && name !== OURS + VERSION).map((name) => caches.delete(name)));
}

/** Return the file that a request is for, or null. */
function nameOf({ method, url }) {
  if (method !== "GET" || !url.startsWith(registration.scope)) return null;
  const name = new URL(url).href.slice(registration.scope.length).replace(/[?#].*/s, "") || "index.html";
  return Object.hasOwn(FILES, name) ? name : null;
}

async function answer(name, request) {
  const cache = await caches.open(OURS + VERSION);
  return (await cache.match(name)) ?? fetch(request);
}
