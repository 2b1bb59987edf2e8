// The functions of the browser that a session and a copy use. Over plain HTTP from another host, some are missing.

/** @typedef {import("./session.js").Locks} Locks */
/** @typedef {import("./session.js").Channel} Channel */

/** Whether the browser allows service workers, locks and hashes: over HTTPS, and on localhost. */
export const isSecure = globalThis.isSecureContext;

/** Locks among the tabs. Without them, each tab syncs by itself, which the server allows. @param {string} prefix @returns {Locks} */
export function locks(prefix) {
  const manager = navigator.locks;
  return { request: async (name, work) => (manager ? manager.request(`${prefix}:${name}`, work) : work()) };
}

/** Messages among the tabs. @param {string} name @returns {Channel} */
export function channel(name) {
  const broadcast = new BroadcastChannel(name);
  return {
    post: (message) => broadcast.postMessage(message),
    listen(listener) {
      const hear = (/** @type {MessageEvent} */ event) => listener(event.data);
      broadcast.addEventListener("message", hear);
      return () => broadcast.removeEventListener("message", hear);
    },
  };
}

/** Returns the SHA-256 of a text; null, not a function, where the browser has no `crypto.subtle`. @type {import("./digest.js").Sha256 | null} */
export const sha256 = globalThis.crypto?.subtle
  ? async (text) => {
      const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
      return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
    }
  : null;

/** Return a random UUID (RFC 9562 §5.4). `crypto.randomUUID` exists only where `isSecure`. */
export function uuid() {
  if (isSecure) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
