// The first tasks of the lists, as they were when the page was left. They are shown before the copy is read, which
// takes longer than a person waits.

import { BASE } from "./base.js";

/** @typedef {import("./account.js").User} User */
/** @typedef {{ task: import("./sync/items.js").Task[], category: import("./sync/items.js").Category[] }} Items */

const NAME = `tasktracker${BASE}:first`; // in localStorage, which needs no time to open
/** How many tasks of a list are kept: more than are in view. */
const COUNT = 60;
/** Another version of the app may need other fields. */
const VERSION = import.meta.url;

/** Keep the first tasks of the lists. @param {User} user @param {import("./lists.js").Lists} lists @param {Items["category"]} category */
export function keepFirst({ server, id }, { open, upcoming }, category) {
  const task = [...new Set([...open.peek().slice(0, COUNT), ...upcoming.peek().slice(0, COUNT)])];
  try {
    localStorage.setItem(NAME, JSON.stringify({ of: [VERSION, server, id], task, category }));
  } catch {} // there is no space left: the next page is shown later
}

/** Return the items that were kept for a user. @param {User} user @returns {Items | null} */
export function findFirst({ server, id }) {
  const { of, ...items } = JSON.parse(localStorage.getItem(NAME) ?? "{}");
  return String(of) === String([VERSION, server, id]) ? items : null;
}

export function forgetFirst() {
  localStorage.removeItem(NAME);
}
