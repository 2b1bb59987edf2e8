// What the server did not take: a conflict is decided field by field, and nothing is lost until the user says so.

import { useCopy } from "../account.js";
import { h, html } from "../html.js";
import { t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { Value } from "./value.js";

/** @typedef {import("../sync/store.js").Issue} Issue */

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
  const isDeletion = op === "delete";
  /** The fields for which the user prefers their own value: at first, none of those that others have changed. */
  const [mine, setMine] = useState(/** @type {Record<string, boolean>} */ ({}));
  const names = status === "conflict" && !isDeletion ? Object.keys(conflicts) : [];
  const resolve = (/** @type {import("../sync/items.js").Fields | undefined} */ fields) =>
    void undoable(copy.resolve(issue, fields), t("did.resolve"));
  const chosen = () => Object.fromEntries(Object.entries(data).filter(([name]) => !names.includes(name) || mine[name]));
  const title = item.title ?? item.name ?? data.title ?? data.name ?? "";
  return html`<article class="issue">
    <h2>${t(`issue.${status}`, { title })}</h2>
    ${isDeletion && html`<p>${t("issue.deleted")}</p>`}
    ${status === "rejected" && html`<p class="hint">${problem?.detail ?? problem?.title}</p>`}
    ${names.map((name) => h(Field, { key: name, name, conflict: conflicts[name], isMine: mine[name] ?? false, choose: (isMine) => setMine({ ...mine, [name]: isMine }) }))}
    ${names.length === 0 && !isDeletion && html`<dl>${Object.entries(data).map(([name, value]) => html`<dt>${t(`field.${name}`)}</dt><dd>${h(Value, { name, value })}</dd>`)}</dl>`}
    <div class="buttons">
      ${isDeletion ? html`<button onClick=${() => resolve({})}>${t("issue.delete")}</button>` : html`<button class="main" onClick=${() => resolve(chosen())}>${t(names.length ? "issue.apply" : "issue.again")}</button>`}
      ${names.length === 0 && html`<button onClick=${() => void undoable(copy.dismiss(issue), t("did.resolve"))}>${t(isDeletion ? "issue.keep" : "issue.dismiss")}</button>`}
    </div>
  </article>`;
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
