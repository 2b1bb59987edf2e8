// The days and moments at which a recurring task is due, as the server finds them: domain/recurrence/recurrence.py.
// A day is a number, counted from 1970-01-01. A slot is due as a task is: on a day or at a moment.

import { onDay } from "../tasks.js";
import { nthOrLast, parse, textOf } from "./rule.js";

/** @typedef {import("./rule.js").Rule} Rule */
/** @typedef {import("./rule.js").Recurrence} Recurrence */
/** @typedef {Pick<import("../sync/items.js").Task, "due_on" | "due_date">} Due */
/** A wall-clock time: a day, and the milliseconds after its beginning. @typedef {{ day: number, time: number }} Local */

const DAY_MS = 24 * 60 * 60 * 1000;
/** A rule without a day in this time has none. */
const MAX_YEARS = 100;
const LAST_YEAR = 9998;

// ----------------------------------------------------------------------- days

/** @param {number} year @param {number} month from 1 @param {number} day */
export function dayNumber(year, month, day) {
  return Date.parse(`${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-01T00:00:00Z`) / DAY_MS + day - 1;
}

/** Return the number of a day. @param {string} text as in 2027-03-01 */
export function numberOfDay(text) {
  return Date.parse(`${text}T00:00:00Z`) / DAY_MS;
}

/** @param {number} day */
export function textOfDay(day) {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** @param {number} moment */
function textOfMoment(moment) {
  return new Date(moment).toISOString().replace(".000Z", "Z");
}

/** Return the weekday, from 0 for Monday. @param {number} day */
export function weekdayOf(day) {
  return (((day + 3) % 7) + 7) % 7;
}

/** Return a day in the calendar. `length` is that of its month. @param {number} day */
export function calendarOf(day) {
  const date = new Date(day * DAY_MS);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + 1];
  return { year, month, day: date.getUTCDate(), length: new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate() };
}

/** Return a rule with the parts that it takes from its start. @param {Rule} rule @param {number} start @returns {Rule} */
export function complete(rule, start) {
  const { frequency } = rule;
  if (rule.weekdays.length > 0 || rule.monthDays.length > 0 || frequency === "DAILY") return rule;
  if (frequency === "WEEKLY") return { ...rule, weekdays: [[0, weekdayOf(start)]] };
  const { month, day } = calendarOf(start);
  const months = rule.months.length > 0 || frequency === "MONTHLY" ? rule.months : [month];
  return { ...rule, months, monthDays: [day] };
}

/** Return the rule for a count of months or years from a day. A shorter month has its last day instead. @param {Rule} rule @param {number} start @returns {Rule} */
function countedFrom(rule, start) {
  const { frequency, weekdays, monthDays, positions, months } = rule;
  const namesDays = weekdays.length + monthDays.length + positions.length > 0 || (frequency === "YEARLY" && months.length > 1);
  if (namesDays || frequency === "DAILY" || frequency === "WEEKLY") return rule;
  return { ...complete(rule, start), ...nthOrLast(calendarOf(start).day) };
}

/** Yield the days of a rule, in order and without its end: some before `begin`, and all from it on. @param {Rule} given @param {number} start @param {number} begin @returns {Generator<number>} */
function* daysOf(given, start, begin) {
  const rule = complete(given, start);
  const first = Math.max(start, begin);
  const { year } = calendarOf(first);
  const last = dayNumber(Math.min(year + MAX_YEARS + 1, LAST_YEAR), 12, 31);
  const week = start - ((weekdayOf(start) - rule.weekStart + 7) % 7);
  const at = calendarOf(start);
  /** @param {number} day @param {ReturnType<typeof calendarOf>} date the number of the day's period, from that of the start */
  const periodOf = (day, date) => {
    if (rule.frequency === "DAILY") return day - start;
    if (rule.frequency === "WEEKLY") return Math.floor((day - week) / 7);
    return rule.frequency === "MONTHLY" ? 12 * (date.year - at.year) + date.month - at.month : date.year - at.year;
  };
  let [period, days] = [NaN, /** @type {number[]} */ ([])];
  const chosen = () => days.filter((day, index) => day >= start && (rule.positions.length === 0 || rule.positions.some((at) => index === (at > 0 ? at - 1 : days.length + at))));
  for (let day = Math.max(dayNumber(year, 1, 1) - 7, dayNumber(1, 1, 1)); day <= last + 7; day++) {
    const date = calendarOf(day);
    const next = periodOf(day, date);
    if (next !== period) {
      yield* chosen().filter((each) => each <= last);
      [period, days] = [next, []];
    }
    if (next % rule.interval === 0 && matches(rule, day, date)) days.push(day);
  }
}

/** @param {Rule} rule @param {number} day @param {ReturnType<typeof calendarOf>} date */
function matches({ frequency, months, monthDays, weekdays }, day, date) {
  if (months.length > 0 && !months.includes(date.month)) return false;
  if (monthDays.length > 0 && !monthDays.includes(date.day) && !monthDays.includes(date.day - date.length - 1)) return false;
  const isOfMonth = frequency === "MONTHLY" || months.length > 0;
  return weekdays.length === 0 || weekdays.some(([nth, weekday]) => {
    if (weekday !== weekdayOf(day)) return false;
    const place = isOfMonth ? date.day : day - dayNumber(date.year, 1, 1) + 1;
    const length = isOfMonth ? date.length : dayNumber(date.year + 1, 1, 1) - dayNumber(date.year, 1, 1);
    return nth === 0 || nth === (nth > 0 ? Math.ceil(place / 7) : -Math.ceil((length - place + 1) / 7));
  });
}

// -------------------------------------------------------------------- moments

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** Return the wall-clock time of a moment. @param {number} moment @param {string} zone @returns {Local} */
function localOf(moment, zone) {
  let format = formats.get(zone);
  if (!format) {
    const parts = /** @type {const} */ ({ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
    formats.set(zone, (format = new Intl.DateTimeFormat("en-u-ca-iso8601", { timeZone: zone, hourCycle: "h23", ...parts })));
  }
  const found = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
  const seconds = 3600 * found.hour + 60 * found.minute + found.second;
  return { day: dayNumber(found.year, found.month, found.day), time: 1000 * seconds + (((moment % 1000) + 1000) % 1000) };
}

/** Return the moment of a wall-clock time. One that is left out is read with the offset before; of one that is there twice, it is the first. @param {Local} local @param {string} zone */
function momentOf({ day, time }, zone) {
  const wanted = day * DAY_MS + time;
  const offsetAt = (/** @type {number} */ moment) => {
    const local = localOf(moment, zone);
    return local.day * DAY_MS + local.time - moment;
  };
  const [before, after] = [offsetAt(wanted - DAY_MS), offsetAt(wanted + DAY_MS)];
  const offset = [before, after].find((each) => offsetAt(wanted - each) === each) ?? before;
  return wanted - offset;
}

/** Return the wall-clock time at which something is due, or only the day. @param {string} due as in a task or a start @param {string} zone @returns {{ day: number, time: number | null }} */
export function localDue(due, zone) {
  return due.length > "2027-03-01".length ? localOf(Date.parse(due), zone) : { day: numberOfDay(due), time: null };
}

/** Return when a task is due, as text. @param {Due} due */
export function dueOf({ due_on, due_date }) {
  return due_on ?? due_date;
}

/** Yield the slots of a recurrence from a day on, and some before it. @param {Recurrence} recurrence @param {number} start @param {number | null} time @param {number} begin @returns {Generator<{ slot: number, day: number }>} */
function* allSlots({ rule: text, time_zone: zone, from }, start, time, begin) {
  const rule = from === "completion" ? countedFrom(parse(text), start) : parse(text);
  const [, year, month, date, clock] = /^(\d{4})(\d\d)(\d\d)(T.*)?$/.exec(rule.until ?? "") ?? [];
  const untilMoment = clock ? Date.parse(`${year}-${month}-${date}${clock.replace(/(\d\d)(\d\d)(\d\d)/, "$1:$2:$3")}`) : NaN;
  const untilDay = !year ? Infinity : !clock ? dayNumber(Number(year), Number(month), Number(date)) : time === null ? localOf(untilMoment, zone).day : Infinity;
  let count = 0;
  for (const day of daysOf(rule, start, rule.count ? start : begin - 1)) {
    if (rule.count && ++count > rule.count) return;
    const slot = time === null ? day * DAY_MS : momentOf({ day, time }, zone);
    if (day > untilDay || (time !== null && slot > untilMoment)) return;
    yield { slot, day };
  }
}

/** Return the first `count` slots. @param {Parameters<typeof slots>} of @param {number} count */
export function firstSlots(of, count) {
  /** @type {Due[]} */
  const found = [];
  for (const each of slots(...of)) if (found.push(each) === count) break;
  return found;
}

/** Yield the slots of a recurrence that are not past; after the time at which the task is due, unless it is null. @param {Recurrence} recurrence with a start @param {string | null} due @param {Date} now @param {string} [completed] on which day or at which moment, or now @returns {Generator<Due>} */
export function* slots(recurrence, due, now, completed) {
  const { time_zone: zone } = recurrence;
  const given = localDue(recurrence.start, zone);
  const { day: today } = localOf(now.getTime(), zone);
  let after = due === null ? -Infinity : given.time === null ? localDue(due, zone).day * DAY_MS : Date.parse(due);
  let start = given.day;
  if (recurrence.from === "completion" && completed) {
    start = localDue(completed, zone).day;
    after = given.time === null ? start * DAY_MS : momentOf({ day: start, time: given.time }, zone);
  }
  const begin = Math.max(today, after === -Infinity ? start : given.time === null ? after / DAY_MS : localOf(after, zone).day);
  const earliest = given.time === null ? today * DAY_MS : now.getTime();
  for (const { slot, day } of allSlots(recurrence, start, given.time, begin)) {
    if (slot <= after || slot < earliest) continue;
    yield given.time === null ? onDay(textOfDay(day)) : { due_on: null, due_date: textOfMoment(slot) };
    after = slot;
  }
}

/** Return a start or slot of the same kind as `due`, as the server makes it: its day and, for a moment, the time of `due`. @param {string} slot @param {string} due @param {string} zone */
function ofKind(slot, due, zone) {
  const { day, time } = localDue(slot, zone);
  const { time: given } = localDue(due, zone);
  if ((time === null) === (given === null)) return slot;
  return given === null ? textOfDay(day) : textOfMoment(momentOf({ day, time: given }, zone));
}

/** Return the slot that a task stands for. Until the server has a new rule, it is when the task is due. @param {Due & { slot?: string | null, pending?: boolean }} task @param {Recurrence} recurrence */
export function slotOf({ slot, pending, ...task }, { start, time_zone }) {
  const due = String(dueOf(task)).replace(".000Z", "Z");
  return slot && !(pending && start === due) ? ofKind(slot, due, time_zone) : due;
}

/** Return when a task is due next, also if it was moved. If it is counted from the completion, each is completed when it is due. @param {Parameters<typeof slotOf>[0]} task @param {Recurrence} recurrence @param {Date} now @param {number} count @returns {Due[]} */
export function nextDates(task, recurrence, now, count) {
  const { time_zone: zone, start, from } = recurrence;
  const due = String(dueOf(task));
  const given = { ...recurrence, start: ofKind(start, due, zone) };
  const slot = slotOf(task, recurrence);
  if (from === "due") return firstSlots([given, slot, now], count);
  /** @type {Due[]} */
  const found = [];
  let completed = localDue(due, zone).day > localOf(now.getTime(), zone).day ? due : now.toISOString();
  for (let next; found.length < count && ([next] = firstSlots([given, slot, now, completed], 1)) && next; found.push(next)) completed = String(dueOf(next));
  return found;
}

/** Whether a recurrence begins at its start: otherwise, this is no day of the rule. @param {Recurrence} recurrence */
export function hasStart(recurrence) {
  return firstSlots([recurrence, null, new Date(0)], 1).some((first) => dueOf(first) === recurrence.start);
}

/** Whether a recurrence has a day at all: otherwise the server refuses it. @param {Recurrence} recurrence */
export function hasSlot(recurrence) {
  return firstSlots([recurrence, null, new Date(0)], 1).length > 0;
}

/** Return when a task is due first that gets a recurrence: on the next day of the rule. Periods are counted from there. @param {Recurrence} recurrence with a start of today @param {Date} now @returns {Due | undefined} undefined if the rule has no day */
export function firstSlot(recurrence, now) {
  const rule = textOf({ ...parse(recurrence.rule), interval: 1 });
  return slots({ ...recurrence, rule }, null, now).next().value ?? undefined;
}
