// The routes of the app, and which of them is shown.

import { BASE } from "./base.js";
import { signal } from "./vendor/preact-signals-core.js";

/** The paths that the server answers with the app (`entrypoints/http/web.py`). */
export const PATHS = ["/", "/today", "/upcoming", "/all", "/board", "/shared", "/done", "/trash", "/notifications", "/list/{id}", "/task/{id}", "/signin", "/register", "/share", "/forgot", "/settings", "/settings/{section}", "/admin", "/admin/{section}", "/admin/{section}/{id}"];

/** @typedef {{ name: string, id: string, visit: number }} Route the first part of the path, the rest, and a number that differs each time that it is chosen */

let visits = 0;

/** @returns {Route} */
function current() {
  const [, name, ...rest] = location.pathname.slice(BASE.length).split("/");
  return { name, id: rest.join("/"), visit: ++visits };
}

export const route = signal(current());

/** The list that was shown last: it stays beside the pane of a task, also when the page is loaded again. */
export const list = signal(/** @type {{ name: string, id: string } | null} */ (history.state) ?? { name: "all", id: "" });

/** Return the URL of a path of the app. @param {string} path */
export function url(path) {
  return BASE + path;
}

/** Show a path, as a new step of the history or in place of the current one. @param {string} path @param {{ replace?: boolean }} [options] */
export function go(path, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](list.peek(), "", url(path) + location.search);
  route.value = current();
}

/** Follow links within the app without loading the page again. */
export function followLinks() {
  addEventListener("popstate", () => (route.value = current()));
  document.addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest?.("a");
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || link.target || link.origin !== location.origin) return;
    const path = link.pathname.slice(BASE.length);
    if (!PATHS.some((each) => each.split("/")[1] === path.split("/")[1])) return;
    event.preventDefault();
    go(path);
    if (link.hash) history.replaceState(history.state, "", location.href + link.hash);
  });
}
