// Requests about accounts and the service. A request that needs a recent proof asks for it in place, and is then sent
// again.

import { useCopy } from "../account.js";
import { Refused } from "../sync/errors.js";
import { signal } from "../vendor/preact-signals-core.js";

/** The user gave no proof. */
export class Cancelled extends Error {}

/** How a requested proof ends. @typedef {{ done: Promise<void>, resolve: () => void, reject: (error: Error) => void }} Asked */
/** @type {import("@preact/signals-core").Signal<Asked | null>} */
export const asked = signal(null);

/** Raises Cancelled, SignInRequired, Refused, Unavailable and Offline. @param {string} method @param {string} path @param {unknown} [body] */
export async function call(method, path, body) {
  const copy = useCopy();
  try {
    return await copy.request(method, path, body);
  } catch (error) {
    if (!(error instanceof Refused) || error.slug !== "confirmation-required") throw error;
  }
  await proof();
  return copy.request(method, path, body);
}

/** Wait for a proof: one for all requests that need it. */
function proof() {
  if (asked.value) return asked.value.done;
  let resolve = () => {};
  let reject = (/** @type {Error} */ _) => {};
  /** @type {Promise<void>} */
  const done = new Promise((...both) => ([resolve, reject] = both));
  asked.value = { done, resolve, reject };
  return done.finally(() => (asked.value = null));
}

/** A page of a list. @template T @typedef {{ results: T[], next_cursor: string | null }} Page */

/** Return a query of the parameters that are not empty, with its question mark. A list repeats its parameter. @param {Record<string, string | string[]>} parameters */
export function query(parameters) {
  const text = new URLSearchParams(Object.entries(parameters).flatMap(([name, value]) => [value].flat().filter(Boolean).map((each) => [name, each]))).toString();
  return text && `?${text}`;
}
