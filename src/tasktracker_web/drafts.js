// Unfinished texts of a page that is left. sessionStorage keeps them until the next page shows them again.

import { account } from "./account.js";
import { useLayoutEffect, useState } from "./vendor/preact-hooks.js";

/** Return the name of a text: of a field of a task, or of a box. @param {string} id @param {string} field */
export function draftOf(id, field) {
  return `draft:${id}.${field}`;
}

/** Return the text that was kept under a name, or null. @param {string} name */
export function draft(name) {
  return sessionStorage.getItem(name);
}

/**
 * Keep a text under a name when the page is left: storing it as an edit would need time. Return the text that was kept.
 * @param {string} name @param {() => string | null} read null to keep nothing @param {boolean} [isKeptOnClosing] also when its field is removed
 */
export function useDraft(name, read, isKeptOnClosing = false) {
  const [kept] = useState(() => draft(name));
  useLayoutEffect(() => { // at once: the text may be added in the next moment
    const forget = () => sessionStorage.removeItem(name);
    const keep = () => {
      const text = read();
      if (text !== null) sessionStorage.setItem(name, text);
    };
    forget();
    addEventListener("pagehide", keep);
    addEventListener("pageshow", forget); // the same page again
    return () => {
      removeEventListener("pagehide", keep);
      removeEventListener("pageshow", forget);
      if (isKeptOnClosing && account.peek()) keep(); // signing out removes drafts
    };
  }, []);
  return kept;
}
