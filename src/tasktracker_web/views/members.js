// The users who share a category, and what one of them has just done in it.

import { useCopy, useMe } from "../account.js";
import { arrived } from "../arrivals.js";
import { h, html } from "../html.js";
import { historyOf, sharesOf } from "../sync/items.js";
import { isOpen } from "../tasks.js";
import { t, timeOf } from "../texts/texts.js";
import { useEffect, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { useAnswer } from "./answer.js";
import { Avatar } from "./people.js";

/** @typedef {import("../sync/items.js").Category} Category */
/** @typedef {import("../sync/items.js").Task} Task */
/** @typedef {import("../sync/items.js").Schemas["ShareView"]} Share */
/** @typedef {import("../sync/items.js").Schemas["PendingShareView"]} Pending */

/** How many users are shown. */
const MAX_SHOWN = 6;

/** @param {{ category: Category, key?: string }} props */
export function Members({ category }) {
  const me = useMe();
  const { answer } = useAnswer(sharesOf("category", category.id), category.version);
  /** @type {Share[]} */
  const members = answer?.results ?? [];
  /** @type {Pending[]} */
  const pending = answer?.pending ?? [];
  if (category.members.length + pending.length === 0) return null;
  const all = [
    ...members.map(({ user_id, username, role }) => ({ id: user_id, name: username, note: t(`role.${role}`), isMe: user_id === me })),
    ...pending.map(({ id, email }) => ({ id, name: email, note: t("members.pending"), isMe: false })),
  ];
  return html`<div class="members-line">
    <ul aria-label=${t("people")}>
      ${all.slice(0, MAX_SHOWN).map(
        ({ id, name, note, isMe }) => html`<li key=${id}>${h(Avatar, { name })}<span><bdi>${name}</bdi>${isMe && ` ${t("people.you")}`}</span> <span class="hint">${note}</span></li>`,
      )}
      ${all.length > MAX_SHOWN && html`<li class="hint">${t("members.more", { count: all.length - MAX_SHOWN })}</li>`}
    </ul>
    ${h(Latest, { category })}
  </div>`;
}

/** What another user has just done. @param {{ category: Category }} props */
function Latest({ category }) {
  const copy = useCopy();
  const me = useMe();
  const [text, show] = useState("");
  const tasks = [...arrived.value.keys()].map((id) => copy.tasks.peek().get(id));
  const task = tasks.findLast((each) => each?.category === category.id);
  useEffect(() => {
    if (!task) return;
    let isCurrent = true;
    void copy.ask(historyOf(task.id), 1).then(() => {
      const change = copy.answers.peek().get(historyOf(task.id))?.results[0];
      if (isCurrent && change?.actor && change.actor.id !== me) show(textOf(change, task));
    }, () => {}); // it is only a hint
    return () => void (isCurrent = false);
  }, [task?.id, task?.version]);
  return html`<p class="hint" role="status">${text}</p>`;
}

/** @param {import("../sync/items.js").Schemas["ChangeView"]} change @param {Task} task */
function textOf({ action, actor, fields, at }, task) {
  const done = "state" in fields && !isOpen(task) ? "done" : "edit";
  const what = ["create", "restore"].includes(action) ? action : done;
  return t(`latest.${what}`, { name: actor?.username ?? "", title: task.title, time: timeOf(new Date(at)) });
}
