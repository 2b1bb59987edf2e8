// The message about the last action, with what undoes it.

import { NoSpace } from "./sync/errors.js";
import { t } from "./texts/texts.js";
import { signal } from "./vendor/preact-signals-core.js";

const SECONDS = 12;

/** @typedef {{ label: string, act: () => Promise<unknown> }} Action */
/** @type {import("@preact/signals-core").Signal<{ text: string, action?: Action, seconds: number, more: Action[] } | null>} */
export const shown = signal(null);

/** Show a message instead of the last one. @param {string} text @param {Action} [action] @param {number} [seconds] @param {Action[]} [more] */
export function toast(text, action, seconds = SECONDS, more = []) {
  shown.value = { text, action, seconds, more };
}

/** What undoes the last action, also after its message is gone. @type {Action | null} */
let last = null;

/** Undo the last action when it is done, unless it is undone. */
export async function undoLast() {
  const undo = last;
  last = null;
  if (!undo) return;
  await undo.act().then(() => toast(t("did.undo")), () => toast(t("error.store")));
}

/** Remove the message, unless it stays until it is closed. */
export function dismiss() {
  last = null;
  if (shown.value?.seconds !== Infinity) shown.value = null;
}

/** Return what undoes several actions. @param {Promise<import("./sync/copy.js").Undo>[]} doing */
export async function together(...doing) {
  const undos = await Promise.all(doing);
  return () => Promise.all(undos.reverse().map((undo) => undo()));
}

/** Do something, and offer to undo it. @param {Promise<import("./sync/copy.js").Undo>} doing @param {string} text @param {number} [seconds] */
export async function undoable(doing, text, seconds) {
  /** @type {Action} */
  const action = { label: t("undo"), act: async () => ((last = last === action ? null : last), (await doing)()) };
  last = action;
  try {
    await doing;
    toast(text, action, seconds);
  } catch (error) {
    if (last === action) last = null;
    toast(t(error instanceof NoSpace ? "error.space" : "error.store"));
    if (!(error instanceof NoSpace)) throw error;
  }
}
