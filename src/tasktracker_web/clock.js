// The time, for views: it changes once a minute, and when the page is shown again.

import { signal } from "./vendor/preact-signals-core.js";

const MINUTE_MS = 60_000;

export const now = signal(new Date());

/** Keep the time current from now on. */
export function keepTime() {
  const update = () => (now.value = new Date());
  setInterval(update, MINUTE_MS);
  document.addEventListener("visibilitychange", update);
}
