// The edits that the server did not accept. A conflict is decided field by field, and nothing is lost until the user
// decides.

import { useCopy } from "../account.js";
import { h, html } from "../html.js";
import { Refused } from "../sync/errors.js";
import { isNotFound } from "../sync/settling.js";
import { addServerTexts, t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { detailOf } from "./explained.js";
import { Value } from "./value.js";

await addServerTexts();

/** @typedef {import("../sync/store.js").Issue} Issue */

/** The reasons that have a text of their own. */
const REASONS = ["not-allowed", "task-not-found", "category-not-found", "category-name-taken", "quota-exceeded"];

export function Issues() {
  const issues = useCopy().issues.value;
  if (issues.length === 0) return null;
  return html`<section class="issues" aria-label=${t("issues")}>
    ${issues.map((issue) => h(Card, { key: issue.mutation, issue }))}
  </section>`;
}

/** @param {{ issue: Issue, key?: string }} props */
function Card({ issue }) {
  const copy = useCopy();
  const { status, op, item, data, conflicts, problem } = issue;
  const isRefused = status === "rejected";
  const isDeletion = op === "delete";
  /** The fields for which the user prefers their own value. At first, no field that others have changed. */
  const [mine, setMine] = useState(/** @type {Record<string, boolean>} */ ({}));
  const names = status === "conflict" && !isDeletion ? Object.keys(conflicts) : [];
  const resolve = (/** @type {import("../sync/items.js").Fields | undefined} */ fields) =>
    void undoable(copy.resolve(issue, fields), t("did.resolve"));
  const chosen = () => Object.fromEntries(Object.entries(data).filter(([name]) => !names.includes(name) || mine[name]));
  const again = names.length ? "issue.apply" : isRefused && !isDeletion && isGone(problem, op) ? "issue.own" : "issue.again";
  const title = item.title ?? item.name ?? data.title ?? data.name ?? "";
  const buttons = [
    isDeletion
      ? html`<button onClick=${() => resolve({})}>${t("issue.delete")}</button>`
      : html`<button class=${isRefused ? "" : "main"} onClick=${() => resolve(chosen())}>${t(again)}</button>`,
    names.length === 0 && html`<button class=${isRefused ? "main" : ""} onClick=${() => void undoable(copy.dismiss(issue), t("did.resolve"))}>${t(isDeletion ? "issue.keep" : "issue.dismiss")}</button>`,
  ];
  if (isRefused) buttons.reverse(); // sent again, it would most often be refused again
  return html`<article class="issue">
    <h2>${t(`issue.${status}`, { title })}</h2>
    ${isDeletion && html`<p>${t("issue.deleted")}</p>`}
    ${problem && html`<p class="hint">${reasonOf(problem, data)}</p>`}
    ${names.map((name) => h(Field, { key: name, name, conflict: conflicts[name], isMine: mine[name] ?? false, choose: (isMine) => setMine({ ...mine, [name]: isMine }) }))}
    ${names.length === 0 && !isDeletion && html`<dl>${Object.entries(data).map(([name, value]) => html`<dt>${t(`field.${name}`)}</dt><dd>${h(Value, { name, value })}</dd>`)}</dl>`}
    <div class="buttons">
      ${buttons}
    </div>
  </article>`;
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

/** @param {{ name: string, conflict: Issue["conflicts"][string], isMine: boolean, choose: (isMine: boolean) => void, key?: string }} props */
function Field({ name, conflict, isMine, choose }) {
  return html`<fieldset>
    <legend>${t(`field.${name}`)}</legend>
    <p class="base"><span>${t("issue.base")}</span> ${h(Value, { name, value: conflict.base })}</p>
    ${[false, true].map(
      (each) => html`<label>
        <input type="radio" name=${`${name}-choice`} checked=${isMine === each} onChange=${() => choose(each)} />
        <span>${t(each ? "issue.yours" : "issue.theirs")}</span> ${h(Value, { name, value: each ? conflict.yours : conflict.theirs })}
      </label>`,
    )}
  </fieldset>`;
}
