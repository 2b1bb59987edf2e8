// Texts as titles of tasks.

const MAX_TITLE = 200;
const MAX_NOTES = 10_000;

/** Return the tasks in a text of several lines, without the signs of a list. @param {string} text */
export function linesOf(text) {
  const lines = text.split(/[\r\n]+/).map((line) => line.replace(/^\s*(?:[-*•]\s+)?(?:\[[ xX]?\]\s+)?/, "").trim());
  return lines.filter((line) => line !== "");
}

/** Return a text with single spaces. @param {string} text */
export function tidy(text) {
  return text.replace(/\s+/g, " ").trim();
}

/** Keep a text that is too long for a title as notes, too. @param {string} text @returns {{ title: string, fields: Partial<import("./sync/items.js").Task> }} */
export function fitting(text) {
  if (text.length <= MAX_TITLE) return { title: text, fields: {} };
  return { title: `${cut(text, MAX_TITLE - 1)}…`, fields: { description: cut(text, MAX_NOTES) } };
}

/** Cut a text, and not between the two halves of a character. @param {string} text @param {number} length */
function cut(text, length) {
  return text.slice(0, length).replace(/\p{Cs}$/u, "");
}
