// What the user is to know: notifications, which devices get by sync.

import { go } from "./router.js";
import { isSecure } from "./sync/platform.js";
import { onDemand } from "./updates.js";

/** @typedef {import("./sync/items.js").Notification} Notification */
/** @typedef {import("./sync/copy.js").Copy} Copy */

/** Whether this browser shows notifications of the system, in localStorage. */
const NAME = "tasktracker:notices";

/** Return the notifications that were not read. @param {Copy} copy */
export function useUnread({ notifications }) {
  return [...notifications.value.values()].filter(({ read }) => !read);
}

/** Mark what is said about a task or a category as read. @param {Copy} copy @param {string} id */
export function readAbout(copy, id) {
  const ids = [...copy.notifications.peek().values()].filter(({ task, category, read }) => !read && (task ?? category) === id).map((each) => each.id);
  if (ids.length > 0) void copy.editAll("notification", ids, { read: true });
}

/** Return the path to which a notification leads. @param {Notification} notification */
export function pathOf({ kind, task, category }) {
  return task ? `/task/${task}` : category ? `/list/${category}` : kind === "security" ? "/settings/activity" : "/notifications";
}

/** Say from now on what arrives by sync. @param {Copy} copy @param {string} me */
export function announceNotices(copy, me) {
  copy.notifications.listen((changes) => {
    if (!copy.isComplete.peek()) return;
    const news = changes.flatMap(([before, after]) => (!before && after && !after.read ? [after] : []));
    const read = changes.flatMap(([before, after]) => (before && !before.read && (after?.read ?? true) ? [before.id] : []));
    if (news.length + read.length > 0) void onDemand(() => import("./announcing.js")).then(({ announce, withdraw }) => (announce(copy, news, me), withdraw(read)), () => {});
  });
}

/** Whether notifications of the system are shown here: `none` if the browser has none, `denied` if it does not allow them. @returns {"none" | "denied" | "off" | "on"} */
export function systemNotices() {
  if (!isSecure || !("Notification" in globalThis) || !navigator.serviceWorker) return "none";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && localStorage.getItem(NAME) ? "on" : "off";
}

/** Ask the browser to allow them, after a click. */
export async function allowSystemNotices() {
  if ((await Notification.requestPermission()) === "granted") localStorage.setItem(NAME, "on");
}

/** Show none any more, and take back those that are shown. */
export async function stopSystemNotices() {
  if (!localStorage.getItem(NAME)) return;
  localStorage.removeItem(NAME);
  for (const each of await (await navigator.serviceWorker.ready).getNotifications()) each.close();
}

/** Follow clicks on notifications of the system. */
export function followClicks() {
  if (!isSecure) return;
  navigator.serviceWorker?.addEventListener("message", ({ data }) => data.kind === "open" && go(data.path));
}
