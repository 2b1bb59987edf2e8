// What the user is to know, the newest first.

import { useCopy, useMe } from "../account.js";
import { complete, noticeText, snooze } from "../announcing.js";
import { now } from "../clock.js";
import { h, html } from "../html.js";
import { pathOf, useUnread } from "../notices.js";
import { moments } from "../reminders.js";
import { url } from "../router.js";
import { canEdit, isOpen } from "../tasks.js";
import { dayAndTime, dueText, t } from "../texts/texts.js";
import { undoable } from "../toasts.js";
import { useEffect, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { Icon } from "./icon.js";
import { loadStyle } from "./panel/panel.js";

await loadStyle("reminders");

/** @typedef {import("../sync/items.js").Notification} Notification */
/** @typedef {import("../sync/items.js").Task} Task */

const PART = 50;
/** @type {Record<string, string>} */
const ICONS = { task_shared: "shared", category_shared: "shared", security: "security" };

export function View() {
  const copy = useCopy();
  const unread = useUnread(copy);
  const [count, setCount] = useState(PART);
  useEffect(() => scrollTo(0, 0), []);
  const all = [...copy.notifications.value.values()].sort((a, b) => b.created_at.localeCompare(a.created_at) || b.id.localeCompare(a.id));
  const newest = new Map(all.toReversed().filter(({ kind }) => kind === "reminder").map(({ id, task }) => /** @type {const} */ ([task, id])));
  const readAll = () => void undoable(copy.editAll("notification", unread.map(({ id }) => id), { read: true }), t("did.read", { count: unread.length }));
  return html`<section class="list notices">
    <header>
      <h1>${t("notifications")}</h1>
      ${unread.length > 0 && html`<button class="quiet" onClick=${readAll}>${t("notifications.read")}</button>`}
    </header>
    ${all.length === 0
      ? copy.isComplete.value && html`<div class="empty">${h(Icon, { name: "notifications" })}<p>${t("notifications.empty")}</p><p class="hint">${t("notifications.empty.hint")}</p></div>`
      : html`<ul>${all.slice(0, count).map((each) => h(Notice, { key: each.id, notice: each, isNewest: newest.get(each.task) === each.id }))}</ul>`}
    ${all.length > count && html`<button class="plain" onClick=${() => setCount(count + PART)}>${t("more")}</button>`}
    <p class="settings"><a href=${url("/settings/notifications")}>${t("notifications.settings")}</a></p>
  </section>`;
}

/** Only the newest notification of a task says what can be done with it. @param {{ notice: Notification, isNewest: boolean, key?: string }} props */
function Notice({ notice, isNewest }) {
  const copy = useCopy();
  const { id, kind, task: taskId, category, moment, created_at, read } = notice;
  const task = copy.tasks.value.get(taskId ?? "");
  const isThere = taskId ? task !== undefined : !category || copy.categories.value.has(category);
  const markRead = () => !read && void copy.edit("notification", id, { read: true });
  const due = task && dueText(task, now.value);
  const isOfOpen = kind === "reminder" && task && isOpen(task);
  const [again] = isOfOpen && read ? [...copy.reminders.value.values()].flatMap(({ task: of, at }) => (of === taskId && at && new Date(at) > now.value ? [at] : [])).sort() : [];
  const state = task && (isOpen(task) ? due && t("notification.due", { due }) : t(`state.${task.state}`));
  const about = [kind === "reminder" && t("notification.reminder"), dayAndTime(new Date(moment ?? created_at), now.value), kind === "reminder" && state, again && t("notification.again", { time: dayAndTime(new Date(again), now.value) })];
  const text = html`<span dir="auto">${noticeText(copy, notice)}</span><span class="hint">${about.filter(Boolean).join(" · ")}</span>`;
  return html`<li class=${read ? "" : "unread"} data-notice=${id}>
    ${h(Icon, { name: ICONS[kind] ?? "notifications" })}
    ${isThere ? html`<a href=${url(pathOf(notice))} onClick=${markRead}>${text}</a>` : html`<div>${text}</div>`}
    ${!read && html`<span class="new" role="img" aria-label=${t("notification.unread")} title=${t("notification.unread")}></span>`}
    ${isOfOpen && isNewest && !again && h(Acts, { notice, task })}
    ${!isThere && !read && html`<button class="plain" onClick=${markRead}>${t("notification.read")}</button>`}
  </li>`;
}

/** What can be done with a task that the user was reminded of. @param {{ notice: Notification, task: Task }} props */
function Acts({ notice, task }) {
  const copy = useCopy();
  const me = useMe();
  const [isSnoozing, setSnoozing] = useState(false);
  return html`<div class="acts">
    ${canEdit(task, me, copy.categories.value) && html`<button class="plain" aria-label=${t("task.complete", { title: task.title })} onClick=${() => complete(copy, notice)}>${t("bulk.complete")}</button>`}
    <button class="plain" aria-expanded=${isSnoozing} onClick=${() => setSnoozing(!isSnoozing)}>${t("snooze")}</button>
    ${isSnoozing &&
    html`<div class="choices" role="group" aria-label=${t("snooze")}>
      ${moments(now.value).map(([name, date]) => html`<button key=${name} title=${dayAndTime(date, now.value)} onClick=${() => (setSnoozing(false), snooze(copy, notice, date))}>${t(`snooze.${name}`)}</button>`)}
    </div>`}
  </div>`;
}
