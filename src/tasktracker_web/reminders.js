// When reminders fire, and which are offered.

import { dayDue, isDue, isOpen } from "./tasks.js";
import { dateFrom, dayAndTime, dayFrom, locale, startOfDay, t } from "./texts/texts.js";

/** @typedef {import("./sync/items.js").Task} Task */
/** @typedef {import("./sync/items.js").Reminder} Reminder */
/** @typedef {Pick<Task, "due_on" | "due_date" | "state" | "pending">} Due */
/** @typedef {"minutes" | "hours" | "days"} Unit */
/** When a reminder fires or, as the end of the key of a text, why it does not. @typedef {Date | "closed" | "undue" | "passed" | "unknown"} Firing */

/** Of one task. */
export const MAX_REMINDERS = 20;
export const MAX_DAYS = 366;
/** @type {Record<Unit, number>} */
export const MINUTES = { minutes: 1, hours: 60, days: 24 * 60 };
const MINUTE_MS = 60_000;
export const MORNING = 9;
const EVENING = 18;
const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/;

/** Return a duration in the form in which the server returns it, such as PT1H30M. Days are not hours. @param {number} count @param {Unit} unit */
export function durationOf(count, unit) {
  if (unit === "days" && count > 0) return `P${count}D`;
  const minutes = count * MINUTES[unit];
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return `PT${hours ? `${hours}H` : ""}${rest || !hours ? `${rest}M` : ""}`;
}

/** Return the days, hours and minutes of a duration. @param {string} duration */
function partsOf(duration) {
  return (DURATION.exec(duration) ?? []).slice(1).map((part) => Number(part ?? 0));
}

/** @param {Date} date @param {string} duration */
function earlier(date, duration) {
  const [days, hours, minutes] = partsOf(duration);
  return new Date(date.getTime() - ((days * 24 + hours) * 60 + minutes) * MINUTE_MS);
}

/** Return when a reminder fires, as far as this device knows: the server knows at which hour a day is due. @param {Pick<Reminder, "at" | "before" | "fires_at" | "pending">} reminder @param {Due} task @param {Date} now @returns {Firing} */
export function firing({ at, before, fires_at, pending }, task, now) {
  if (!isOpen(task)) return "closed";
  if (before && !isDue(task)) return "undue";
  const isKnown = !pending && !task.pending;
  if (before && !isKnown && task.due_on) return "unknown";
  const moment = isKnown ? fires_at : (at ?? earlier(new Date(String(task.due_date)), String(before)).toISOString());
  return moment && new Date(moment) > now ? new Date(moment) : "passed";
}

/** Return what a reminder is, in words. @param {Pick<Reminder, "at" | "before">} reminder @param {Pick<Task, "due_on"> | undefined} task @param {Date} now */
export function reminderText({ at, before }, task, now) {
  if (at) return dayAndTime(new Date(at), now);
  const parts = partsOf(before ?? "");
  const units = ["day", "hour", "minute"].flatMap((unit, index) => (parts[index] ? [new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(parts[index])] : []));
  if (units.length === 0) return t(task?.due_on ? "reminder.day" : "reminder.due");
  const kind = !task?.due_on ? "" : units.length === 1 && parts[0] ? ".day" : ".hours";
  return t(`reminder.before${kind}`, { time: units.join(" ") });
}

/** Return the moment at a time before a task is due. @param {Due} task @param {string} before @param {number} hour at which a day is due */
export function momentOf({ due_on, due_date }, before, hour = MORNING) {
  return earlier(due_on ? atHour(dateFrom(due_on), hour) : new Date(String(due_date)), before);
}

/** Return the reminders before the due date that are offered: those that are not set, and that can still fire. @param {Due} task @param {Reminder[]} set @param {Date} now @param {number} hour at which a day is due */
export function offered(task, set, now, hour = MORNING) {
  const all = task.due_on ? ["PT0M", "P1D", "P2D", "P7D"] : ["PT0M", "PT10M", "PT1H", "P1D"];
  return isDue(task) ? all.filter((each) => momentOf(task, each, hour) > now && !set.some(({ before }) => before === each)) : [];
}

/** Return the moments that are offered, by the ends of the keys of their names. @param {Date} now */
export function moments(now) {
  const later = (/** @type {number} */ minutes) => new Date(Math.ceil(now.getTime() / MINUTE_MS + minutes) * MINUTE_MS);
  /** @type {Record<string, Date>} */
  const all = { minutes: later(10), hour: later(60), evening: atHour(now, EVENING), tomorrow: atHour(startOfDay(now, 1), MORNING) };
  return Object.entries(all).filter(([, date]) => date > now);
}

/** Return the moment that is proposed: in the next morning or, if the task is due today, in one to two hours. @param {Due} task @param {Date} now */
export function proposed(task, now) {
  const later = new Date(now.getFullYear(), now.getMonth(), now.getDate(), now.getHours() + 2);
  const isToday = isDue(task) && dayFrom(dayDue(task)) === dayFrom(now) && dayFrom(later) === dayFrom(now);
  return isToday ? later : atHour(startOfDay(now, 1), MORNING);
}

/** @param {Date} day @param {number} hour */
export function atHour(day, hour) {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour);
}
