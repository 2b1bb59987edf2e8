// A recurrence rule (RRULE) in its parts, and as the server stores it (docs/api.md, "Recurring tasks").

/** @typedef {"DAILY" | "WEEKLY" | "MONTHLY" | "YEARLY"} Frequency */
/** A weekday, from 0 for Monday: the nth one of a month or year, from the end if negative, or each one if 0. @typedef {[nth: number, weekday: number]} Weekday */
/**
 * `until` is text as in the rule: a day, or a moment in UTC.
 * @typedef {object} Rule
 * @property {Frequency} frequency
 * @property {number} interval
 * @property {number[]} months
 * @property {number[]} monthDays
 * @property {Weekday[]} weekdays
 * @property {number[]} positions
 * @property {number} weekStart
 * @property {number} [count]
 * @property {string} [until]
 */
/** The recurrence of a task. Its days are counted from `start`: when the task was due when it got the rule, unless another start was set. @typedef {NonNullable<import("../sync/items.js").Task["recurrence"]>} Recurrence */

/** The names of the weekdays, from Monday on. */
export const NAMES = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
export const WORKDAYS = [0, 1, 2, 3, 4];
/** The limits of the server. */
export const MAX_INTERVAL = 1000;
export const MAX_COUNT = 1000;

/** Return a rule with these parts. @param {Partial<Rule> & { frequency: Frequency }} parts @returns {Rule} */
export function ruleOf(parts) {
  return { interval: 1, months: [], monthDays: [], weekdays: [], positions: [], weekStart: 0, ...parts };
}

/** The number of days that every month has at least. */
const SHORTEST = 28;

/** Return the parts for a day of a month, or the last day if a month is shorter. @param {number} nth @returns {Pick<Rule, "monthDays" | "positions">} */
export function nthOrLast(nth) {
  if (nth <= SHORTEST) return { monthDays: [nth], positions: [] };
  return { monthDays: Array.from({ length: nth - SHORTEST + 1 }, (_, index) => SHORTEST + index), positions: [-1] };
}

/** Return the day of a month that a rule has, or the last day if a month is shorter; undefined if it has none such. @param {Rule} rule */
export function nthOfRule({ monthDays, positions }) {
  const nth = monthDays.at(-1) ?? 0;
  return nth > SHORTEST && String(positions) === "-1" && String(monthDays) === String(nthOrLast(nth).monthDays) ? nth : undefined;
}

/** Return each of these weekdays, for a rule. @param {number[]} days @returns {Weekday[]} */
export function each(days) {
  return days.map((day) => [0, day]);
}

/** Read the text of a rule, in the form that the server returns. @param {string} text @returns {Rule} */
export function parse(text) {
  /** @type {Record<string, string>} */
  const parts = Object.fromEntries(text.split(";").map((part) => part.split("=")));
  const list = (/** @type {string} */ name) => parts[name]?.split(",") ?? [];
  const weekday = (/** @type {string} */ day) => /** @type {Weekday} */ ([Number(day.slice(0, -2)), NAMES.indexOf(day.slice(-2))]);
  return {
    frequency: /** @type {Frequency} */ (parts.FREQ),
    interval: Number(parts.INTERVAL ?? 1),
    months: list("BYMONTH").map(Number),
    monthDays: list("BYMONTHDAY").map(Number),
    weekdays: list("BYDAY").map(weekday),
    positions: list("BYSETPOS").map(Number),
    weekStart: NAMES.indexOf(parts.WKST ?? "MO"),
    ...(parts.COUNT && { count: Number(parts.COUNT) }),
    ...(parts.UNTIL && { until: parts.UNTIL }),
  };
}

/** Return the text of a rule, as the server stores it. @param {Rule} rule */
export function textOf({ frequency, interval, months, monthDays, weekdays, positions, weekStart, count, until }) {
  const order = (/** @type {number} */ a, /** @type {number} */ b) => Number(a < 0) - Number(b < 0) || a - b;
  const numbers = (/** @type {number[]} */ list) => [...new Set(list)].sort(order).join();
  const days = [...weekdays].sort((a, b) => order(a[0], b[0]) || a[1] - b[1]).map(([nth, day]) => `${nth || ""}${NAMES[day]}`);
  const hasWeeks = frequency === "WEEKLY" && (interval > 1 || positions.length > 0);
  const parts = {
    FREQ: frequency,
    INTERVAL: interval === 1 ? "" : interval,
    BYMONTH: numbers(months),
    BYMONTHDAY: numbers(monthDays),
    BYDAY: [...new Set(days)].join(),
    BYSETPOS: numbers(positions),
    WKST: hasWeeks && weekStart !== 0 ? NAMES[weekStart] : "",
    COUNT: count ?? "",
    UNTIL: until ?? "",
  };
  return Object.entries(parts).filter(([, value]) => value !== "").map((part) => part.join("=")).join(";");
}
