// Notifications as they arrive: as a message or, while no page of the app is in view, by the system.

import { pathOf, systemNotices } from "./notices.js";
import { go } from "./router.js";
import { addTexts, dayAndTime, has, t } from "./texts/texts.js";
import { toast } from "./toasts.js";

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

/** Say what has arrived. Shares have a message of their own, and notices of security follow what the user does. @param {Copy} copy @param {Notification[]} news */
export function announce(copy, news) {
  if (document.visibilityState !== "visible") return void notify(copy, news);
  const reminders = news.filter(({ kind }) => kind === "reminder");
  if (reminders.length > 1) toast(t("notification.many", { count: reminders.length }), { label: t("issue.show"), act: async () => go("/notifications") }, SECONDS);
  for (const each of reminders.length === 1 ? reminders : []) toast(t("notification.new", { title: noticeText(copy, each) }), { label: t("open"), act: async () => go(pathOf(each)) }, SECONDS);
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
  if (ids.length === 0 || systemNotices() !== "on") return;
  const shown = await (await navigator.serviceWorker.ready).getNotifications();
  for (const each of shown) if (ids.includes(each.tag)) each.close();
}
