// The edits that the server did not accept. A conflict is decided field by field, and nothing is lost until the user
// decides.

import { useCopy } from "../account.js";
import { h, html } from "../html.js";
import { route } from "../router.js";
import { Refused } from "../sync/errors.js";
import { dueAsOne, JOINED } from "../sync/items.js";
import { isNotFound } from "../sync/settling.js";
import { addServerTexts, addTexts, t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useEffect, useId, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { asked, subjectOf } from "./decide.js";
import { detailOf } from "./explained.js";
import { Value } from "./value.js";

await Promise.all([addServerTexts(), addTexts("reminders")]);

/** @typedef {import("../sync/store.js").Issue} Issue */

/** Undoing a decision is the only way back to what was not kept, so its message stays for longer. */
const SECONDS = 30;
const MAX_NOTES = 10_000;

/** The value that the user prefers. @typedef {"theirs" | "yours" | "both"} Choice */

/** The reasons that have a text of their own. */
const REASONS = ["not-allowed", "task-not-found", "category-not-found", "category-name-taken", "quota-exceeded"];

/** The edits that need a decision: those of one task, or else all others than those of the open task. @param {{ of?: string }} props */
export function Issues({ of: only }) {
  const opened = route.value.name === "task" ? route.value.id : "";
  const issues = useCopy().issues.value.filter((issue) => (only ? subjectOf(issue) === only : subjectOf(issue) !== opened));
  if (issues.length === 0) return null;
  return html`<section class="issues" aria-label=${t("issues")}>
    ${[...grouped(issues)].map(([key, issues]) => h(Card, { key, issues }))}
  </section>`;
}

/** Return the issues of each card, the last one first: conflicts of an item are decided together. @param {Issue[]} issues */
function grouped(issues) {
  /** @type {Map<string, Issue[]>} */
  const groups = new Map();
  for (const issue of issues.sort((a, b) => a.at.localeCompare(b.at))) {
    const key = issue.status === "conflict" && issue.op === "update" ? issue.target : issue.mutation;
    groups.set(key, [issue, ...(groups.get(key) ?? [])]);
  }
  return groups;
}

/** @param {{ issues: Issue[], key?: string }} props */
function Card({ issues }) {
  const copy = useCopy();
  const [issue, ...earlier] = issues;
  const { status, type, op, target, item, problem } = issue;
  /** @type {Issue["data"]} */
  const data = Object.assign({}, ...issues.map((each) => each.data).reverse());
  /** @type {Issue["conflicts"]} */
  const conflicts = Object.assign({}, ...issues.map((each) => each.conflicts).reverse());
  const isRefused = status === "rejected";
  const isDeletion = op === "delete";
  /** @type {Record<string, any> | undefined} */
  const current = (type === "task" ? copy.tasks : copy.categories).value.get(target);
  // A value that has changed since the conflict is shown as it is now, because the user decides on that.
  const isNewer = current && issues.every(({ version }) => current.version > (version ?? Infinity));
  if (isNewer) for (const [name, conflict] of Object.entries(conflicts)) conflicts[name] = { ...conflict, theirs: current[name] };
  const isMissing = op === "update" && current === undefined;
  const isRestorable = isMissing && copy.isRestorable(issue);
  /** What the user prefers, by field. At first, the values of others. */
  const [choices, choose] = useState(/** @type {Record<string, Choice>} */ ({}));
  const fields = status === "conflict" && !isDeletion && !isMissing ? dueAsOne(conflicts) : {};
  const names = Object.keys(fields);
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!issues.some(({ mutation }) => mutation === asked.value)) return;
    asked.value = "";
    heading.current?.focus();
  }, [asked.value]);
  const resolve = (/** @type {import("../sync/items.js").Fields | undefined} */ fields) =>
    void undoable(copy.resolve(issue, fields, earlier), t("did.resolve"), SECONDS);
  const chosen = () => {
    const others = Object.entries(data).filter(([name]) => !(name in conflicts));
    if (isMissing) return data;
    const preferred = Object.entries(conflicts).flatMap(([name, conflict]) => {
      const choice = choices[JOINED.includes(name) && "due" in fields ? "due" : name] ?? "theirs";
      return choice === "theirs" ? [] : [[name, choice === "both" ? bothOf(conflict) : conflict.yours]];
    });
    return Object.fromEntries([...others, ...preferred]);
  };
  const isOwn = !isRestorable && !isDeletion && (isMissing || (isRefused && isGone(problem, op)));
  const again = names.length ? "issue.apply" : isRestorable ? "issue.restore" : isOwn ? "issue.own" : "issue.again";
  const dismiss = isDeletion ? "issue.keep" : isRestorable ? "issue.leave" : "issue.dismiss";
  const title = current?.title ?? current?.name ?? item.title ?? item.name ?? data.title ?? data.name ?? copy.tasks.value.get(data.task)?.title ?? "";
  const isVain = isRefused && again !== "issue.own"; // sent again, it would most often be refused again
  const buttons = [
    isDeletion
      ? html`<button onClick=${() => resolve({})}>${t("issue.delete")}</button>`
      : html`<button class=${isVain ? "" : "main"} onClick=${() => resolve(chosen())}>${t(again)}</button>`,
    names.length === 0 && html`<button class=${isVain ? "main" : ""} onClick=${() => void undoable(copy.dismiss(...issues), t("did.resolve"), SECONDS)}>${t(dismiss)}</button>`,
  ];
  if (isVain) buttons.reverse();
  return html`<article class="issue">
    <h2 ref=${heading} tabindex="-1">${t(type === "reminder" ? "issue.reminder" : isRestorable ? "issue.trashed" : isMissing && !isRefused ? "issue.missing" : `issue.${status}`, { title })}</h2>
    ${isDeletion && html`<p>${t("issue.deleted")}</p>`}
    ${problem && html`<p class="hint">${reasonOf(problem, data)}</p>`}
    ${isOwn && type === "task" && op !== "create" && html`<p class="hint">${t("issue.own.hint")}</p>`}
    ${names.map((name) => h(Field, { key: name, name, conflict: fields[name], choice: choices[name] ?? "theirs", choose: (choice) => choose({ ...choices, [name]: choice }) }))}
    ${names.length === 0 && !isDeletion && html`<dl>${Object.entries(shown(data)).map(([name, { value }]) => html`<dt>${t(`field.${name}`)}</dt><dd>${h(Value, { name, value })}</dd>`)}</dl>`}
    <div class="buttons">
      ${buttons}
    </div>
  </article>`;
}

/** Return both texts under one another. @param {Record<string, any>} conflict */
function bothOf({ theirs, yours }) {
  return `${theirs}\n\n${yours}`;
}

/** Return the fields of an edit as they are shown. @param {import("../sync/items.js").Fields} data */
function shown(data) {
  const { task, ...fields } = data;
  if (task) return { reminder: { value: data } };
  return dueAsOne(Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { value }])));
}

/** Whether an item is no longer there for the user, or the category or the task that it was created in. @param {Issue["problem"]} problem @param {Issue["op"]} op */
function isGone(problem, op) {
  const { slug, fields } = new Refused(0, problem ?? {});
  return isNotFound(problem) || (op === "create" && (slug === "not-allowed" || "data.category" in fields || "data.parent" in fields));
}

/** Why the server did not accept an edit. @param {import("../sync/items.js").Fields} problem @param {import("../sync/items.js").Fields} data */
function reasonOf(problem, data) {
  const refused = new Refused(0, problem);
  const { slug } = refused;
  if (slug === "not-allowed" && "category" in data) return t("issue.why.move");
  if (REASONS.includes(slug)) return t(`issue.why.${slug}`);
  return detailOf(refused);
}

/** @param {{ name: string, conflict: Record<string, any>, choice: Choice, choose: (choice: Choice) => void, key?: string }} props */
function Field({ name, conflict, choice, choose }) {
  const { theirs, yours } = conflict;
  const group = useId(); // the same field may be in another card
  const hasBoth = name === "description" && theirs && yours && bothOf(conflict).length <= MAX_NOTES;
  /** @type {Choice[]} */
  const options = ["theirs", "yours", ...(hasBoth ? [/** @type {const} */ ("both")] : [])];
  return html`<fieldset>
    <legend>${t(Object.values(conflict).some((each) => name === "due" && each?.recurrence) ? "field.due.repeats" : `field.${name}`)}</legend>
    <p class="base"><span>${t("issue.base")}</span> ${h(Value, { name, value: conflict.base })}</p>
    ${options.map(
      (each) => html`<label>
        <input type="radio" name=${group} checked=${choice === each} onChange=${() => choose(each)} />
        <span>${t(`issue.${each}`)}</span> ${each === "both" ? html`<span>${t("issue.both.order")}</span>` : h(Value, { name, value: conflict[each] })}
      </label>`,
    )}
  </fieldset>`;
}
