// Notifications as they arrive: as a message or, while no page of the app is in view, by the system.

import { now } from "./clock.js";
import { pathOf, systemNotices } from "./notices.js";
import { moments } from "./reminders.js";
import { go } from "./router.js";
import { canEdit, isDue, isOpen } from "./tasks.js";
import { addTexts, dayAndTime, dueWithin, has, t } from "./texts/texts.js";
import { shown, toast, together, undoable } from "./toasts.js";
import { toggle } from "./views/acts.js";

await Promise.all([addTexts("reminders"), addTexts("settings")]);

/** @typedef {import("./sync/items.js").Notification} Notification */
/** @typedef {import("./sync/copy.js").Copy} Copy */

/** A reminder must not be missed. */
const SECONDS = 30;
const ICON = new URL("icons/icon-192.png", import.meta.url).href;

/** Return what a notification says. Titles are those that the task or the category has now. @param {Copy} copy @param {Notification} notification */
export function noticeText(copy, { kind, task, category, by, event }) {
  const title = (task ? copy.tasks.peek().get(task)?.title : category && copy.categories.peek().get(category)?.name) ?? t("notification.gone");
  if (kind === "reminder") return title;
  if (kind === "task_shared" || kind === "category_shared") return t("shared.new", { name: by ?? t("history.deletedAccount"), title });
  return event && has(`mail.${event}`) ? t(`mail.${event}`) : t("notification.other");
}

/** Return the message of a reminder. @param {Copy} copy @param {Notification} notification */
function newText(copy, notification) {
  const title = noticeText(copy, notification);
  const task = copy.tasks.peek().get(notification.task ?? "");
  return task && isDue(task) ? t("notification.new.due", { title, due: dueWithin(task, now.peek()) }) : t("notification.new", { title });
}

/** What has arrived while the page was not in view. @type {Notification[]} */
const missed = [];

/** What is not read of a message, which goes away when all is. */
let unread = { message: /** @type {typeof shown.value} */ (null), ids: new Set() };

/** Say what has arrived; if the page is not in view, when it is again, unless it was read by then. Shares have a message of their own, and notices of security follow what the user does. @param {Copy} copy @param {Notification[]} news @param {string} me */
export function announce(copy, news, me) {
  if (document.visibilityState !== "visible") {
    const isUnread = (/** @type {Notification} */ { id }) => copy.notifications.peek().get(id)?.read === false;
    if (missed.length === 0) document.addEventListener("visibilitychange", () => announce(copy, missed.splice(0).filter(isUnread), me), { once: true });
    missed.push(...news);
    return void notify(copy, news);
  }
  const reminders = news.filter(({ kind }) => kind === "reminder");
  if (reminders.length > 1) toast(t("notification.many", { count: reminders.length }), { label: t("issue.show"), act: async () => go("/notifications") }, SECONDS);
  for (const each of reminders.length === 1 ? reminders : []) toast(newText(copy, each), { label: t("open"), act: async () => go(pathOf(each)) }, SECONDS, actsOn(copy, each, me));
  if (reminders.length > 0) unread = { message: shown.peek(), ids: new Set(reminders.map(({ id }) => id)) };
}

/** What can be done with a task at once. @param {Copy} copy @param {Notification} notice @param {string} me */
function actsOn(copy, notice, me) {
  const task = copy.tasks.peek().get(notice.task ?? "");
  if (!task || !isOpen(task)) return [];
  const completing = { label: t("bulk.complete"), act: async () => complete(copy, notice) };
  const later = { label: t("snooze.later"), act: async () => snooze(copy, notice, moments(now.peek())[0][1]) };
  return canEdit(task, me, copy.categories.peek()) ? [completing, later] : [later];
}

/** @param {Copy} copy @param {Notification} notice */
function reading(copy, { id }) {
  return copy.notifications.peek().get(id)?.read === false ? [copy.edit("notification", id, { read: true })] : [];
}

/** Complete the task that the user was reminded of. @param {Copy} copy @param {Notification} notice */
export function complete(copy, notice) {
  void Promise.all(reading(copy, notice));
  const task = copy.tasks.peek().get(notice.task ?? "");
  if (task && isOpen(task)) toggle(task);
}

/** Remind again. The reminder that has fired gives way to the new one, so that a task does not collect them. @param {Copy} copy @param {Notification} notice @param {Date} date */
export function snooze(copy, notice, date) {
  const { task, moment } = notice;
  const time = (/** @type {string | null} */ at) => new Date(at ?? 0).getTime();
  const own = [...copy.reminders.peek().values()].filter((each) => each.task === task && each.at);
  const isSet = own.some(({ at }) => time(at) === date.getTime());
  for (const each of own) if (time(each.at) === time(moment)) void copy.trash("reminder", each.id);
  const setting = isSet ? [] : [copy.create("reminder", { task, at: date.toISOString() })];
  void undoable(together(...setting, ...reading(copy, notice)), t("did.remind", { time: dayAndTime(date, now.peek()) }));
}

/** Let the service worker show them: it knows whether another page of the app is in view, and shows one of several with the same tag. @param {Copy} copy @param {Notification[]} news */
async function notify(copy, news) {
  if (systemNotices() !== "on") return;
  const { active } = await navigator.serviceWorker.ready;
  for (const each of news) {
    const body = t(each.kind === "reminder" ? "notification.reminder" : "app");
    const time = each.moment && `, ${dayAndTime(new Date(each.moment), new Date())}`;
    active?.postMessage({ title: noticeText(copy, each), tag: each.id, data: pathOf(each), icon: ICON, body: body + (time ?? "") });
  }
}

/** Take back what was read meanwhile, perhaps on another device. @param {string[]} ids */
export async function withdraw(ids) {
  for (const id of ids) unread.ids.delete(id);
  if (unread.ids.size === 0 && unread.message === shown.peek()) shown.value = null;
  if (ids.length === 0 || systemNotices() !== "on") return;
  const own = await (await navigator.serviceWorker.ready).getNotifications();
  for (const each of own) if (ids.includes(each.tag)) each.close();
}
