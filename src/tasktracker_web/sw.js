// The service worker: it keeps the files of one version, and serves the app without a network.
// The server puts the constant SHELL before this text.

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const PAGE = `${SHELL.base}/`;
const PREFIX = `tasktracker${SHELL.base}:`;
const opening = caches.open(PREFIX + SHELL.version); // once: a view has many files

worker.addEventListener("install", (event) => {
  event.waitUntil(
    opening.then((cache) => cache.addAll([PAGE, ...SHELL.assets])),
  );
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== PREFIX + SHELL.version);
      await Promise.all(old.map((name) => caches.delete(name)));
      await worker.clients.claim();
    })(),
  );
});

// A page asks for the new version, and loads again when the version has changed; or it asks for a notification.
worker.addEventListener("message", (event) => {
  if (event.data === "activate") worker.skipWaiting();
  else event.waitUntil(notify(event.data));
});

/** Show a notification, unless a page is in view, which has a message. @param {NotificationOptions & { title: string }} notice */
async function notify({ title, ...options }) {
  const pages = await worker.clients.matchAll({ type: "window" });
  if (!pages.some(({ visibilityState }) => visibilityState === "visible")) await worker.registration.showNotification(title, options);
}

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});

/** Show a path in the page that was used last, or in a new one. @param {string} path */
async function open(path) {
  const [page] = await worker.clients.matchAll({ type: "window" });
  page?.postMessage({ kind: "open", path });
  await (page ? page.focus() : worker.clients.openWindow(SHELL.base + path));
}

worker.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== worker.location.origin) return;
  const path = pathname.slice(SHELL.base.length);
  const isPage = mode === "navigate" && SHELL.routes.includes(path.split("/")[1]);
  if (!isPage && !path.startsWith("/assets/")) return;
  event.respondWith(
    opening
      .then((cache) => cache.match(isPage ? PAGE : event.request, { ignoreVary: true }))
      .then((found) => found ?? fetch(event.request)),
  );
});
