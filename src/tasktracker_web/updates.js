// The service worker, which serves the app offline, and new versions of the app.

import { BASE } from "./base.js";
import { isSecure } from "./sync/platform.js";
import { t } from "./texts/texts.js";
import { toast } from "./toasts.js";

const RELOADED = "tasktracker:reloaded";
const SECONDS = 60;

/** Register the service worker, and offer each new version. */
export function keepUpdated() {
  if (!isSecure || !navigator.serviceWorker) return;
  const wasControlled = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (wasControlled) location.reload(); // a tab has accepted the new version: no page keeps the old one
  });
  void register();
}

async function register() {
  const types = /** @type {any} */ (globalThis).trustedTypes;
  const policy = types?.createPolicy("tasktracker", { createScriptURL: () => `${BASE}/sw.js` });
  const registration = await navigator.serviceWorker.register(policy ? policy.createScriptURL("") : `${BASE}/sw.js`);
  const offer = () => {
    if (!registration.waiting || !navigator.serviceWorker.controller) return;
    toast(t("update"), { label: t("reload"), act: async () => registration.waiting?.postMessage("activate") }, Infinity);
  };
  offer();
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", offer));
  document.addEventListener("visibilitychange", () => document.hidden || void registration.update().catch(() => {}));
}

/** Load a part of the app on demand. If the file is missing, the server has another version: load the page again, once. @template T @param {() => Promise<T>} load @returns {Promise<T>} */
export async function onDemand(load) {
  try {
    return await load();
  } catch (error) {
    const last = Number(sessionStorage.getItem(RELOADED));
    if (navigator.onLine && Date.now() - last > SECONDS * 1000) {
      sessionStorage.setItem(RELOADED, String(Date.now()));
      location.reload();
    }
    throw error;
  }
}
