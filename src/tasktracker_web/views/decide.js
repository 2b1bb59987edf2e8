// The way to the edits that need a decision.

import { useCopy } from "../account.js";
import { html } from "../html.js";
import { go, list, route } from "../router.js";
import { t } from "../texts/texts.js";
import { signal } from "../vendor/preact-signals.js";
import { LATER } from "./later.js";

/** The id of the edit whose card gets the focus as soon as it is there. */
export const asked = signal("");

/** Show an edit that needs a decision: in its task, or above a list. @param {import("../sync/copy.js").Copy} copy @param {import("../sync/store.js").Issue} issue */
export function decide(copy, issue) {
  const [{ mutation }, target] = [issue, subjectOf(issue)];
  const path = copy.tasks.peek().has(target) ? `/task/${target}` : list.peek().name in LATER || route.peek().name === "task" ? "/all" : "";
  if (path && path !== `/task/${route.peek().id}`) go(path);
  asked.value = mutation;
}

/** Return the id of the item that shows an edit: of a reminder, its task does. @param {import("../sync/store.js").Issue} issue */
export function subjectOf({ type, target, data, item }) {
  return type === "reminder" ? (data.task ?? item.task) : target;
}

/** How many edits need a decision, as a button that leads to the first. */
export function DecideButton() {
  const copy = useCopy();
  const issues = copy.issues.value;
  if (issues.length === 0) return null;
  return html`<button class="plain decide" popovertarget="menu" popovertargetaction="hide" onClick=${() => decide(copy, issues[0])}>${t("issues.count", { count: issues.length })}</button>`;
}
