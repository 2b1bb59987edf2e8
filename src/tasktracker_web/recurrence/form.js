// The rules that can be chosen in the app, and the fields of which one is made.

import { each, MAX_COUNT, MAX_INTERVAL, nthOfRule, nthOrLast, parse, ruleOf, textOf, WORKDAYS } from "./rule.js";
import { calendarOf, complete, localDue, textOfDay, weekdayOf } from "./slots.js";

/** @typedef {import("./rule.js").Rule} Rule */
/** @typedef {import("./rule.js").Recurrence} Recurrence */
/**
 * `nth` and `kind` choose a day of a month: its number, or -1 for the last one; of all days, or of a weekday from 0 for
 * Monday. SAME is the day of the completion. No weekdays are that of the completion. `day` is when the task is due. `until` is a day as in 2027-03-01. Fields that the others make useless keep their values.
 * @typedef {object} Form
 * @property {number} day
 * @property {Rule["frequency"]} frequency
 * @property {number} interval
 * @property {number[]} weekdays
 * @property {number} nth
 * @property {number | "day"} kind
 * @property {number} month
 * @property {"never" | "until" | "count"} ends
 * @property {string} until
 * @property {number} count
 * @property {Recurrence["from"]} from
 */

/** After how many days a rule ends at first, if it ends on a day. */
const YEAR = 365;
/** The number of a day of a month that is that of the completion. */
export const SAME = 0;
const MONTH_LENGTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Return the usual rules for a day: each day, each working day, and the ones of its weekday, its month and its year. @param {number} day */
export function usualRules(day) {
  const [weekday, { month, day: number, length }] = [weekdayOf(day), calendarOf(day)];
  const nth = Math.ceil(number / 7);
  const isLast = number + 7 > length;
  return [
    ruleOf({ frequency: "DAILY" }),
    ruleOf({ frequency: "WEEKLY", weekdays: each(WORKDAYS) }),
    ruleOf({ frequency: "WEEKLY", weekdays: each([weekday]) }),
    ruleOf({ frequency: "MONTHLY", ...nthOrLast(number) }),
    ...(number === length && length < 31 ? [ruleOf({ frequency: "MONTHLY", monthDays: [-1] })] : []),
    ...(nth < 5 ? [ruleOf({ frequency: "MONTHLY", weekdays: [[nth, weekday]] })] : []),
    ...(isLast ? [ruleOf({ frequency: "MONTHLY", weekdays: [[-1, weekday]] })] : []),
    ruleOf({ frequency: "YEARLY", months: [month], ...dayOf(month, number) }),
  ].map(textOf);
}

/** Return the parts for a day of a month, or the last day of it if it can be shorter. @param {number} month @param {number} nth */
function dayOf(month, nth) {
  return month === 2 ? nthOrLast(nth) : { monthDays: [nth] };
}

/** Return the fields for a new rule. @param {number} day on which the task is due @returns {Form} */
export function newForm(day) {
  const { month, day: number } = calendarOf(day);
  return { day, frequency: "WEEKLY", interval: 1, weekdays: [weekdayOf(day)], nth: number, kind: "day", month, ends: "never", until: textOfDay(day + YEAR), count: 10, from: "due" };
}

/** Return the fields of a recurrence, or null if they cannot make its rule. @param {Recurrence} recurrence @returns {Form | null} */
export function formOf({ rule: text, from, start, time_zone }) {
  const { day } = localDue(start, time_zone);
  const rule = from === "due" ? complete(parse(text), day) : parse(text);
  const [[nth, weekday] = [0, 0]] = rule.weekdays;
  const { frequency, interval, monthDays, months, until, count } = rule;
  /** @type {Form} */
  const form = {
    ...newForm(day),
    ...{ frequency, interval, from },
    ...(frequency === "WEEKLY" && { weekdays: rule.weekdays.map(([, each]) => each) }),
    ...((frequency === "MONTHLY" || frequency === "YEARLY") && { nth: nthOfRule(rule) ?? monthDays[0] ?? SAME }),
    ...(nth !== 0 && { nth, kind: weekday }),
    ...(months.length > 0 && { month: months[0] }),
    ...(until?.length === 8 && { ends: /** @type {const} */ ("until"), until: `${until.slice(0, 4)}-${until.slice(4, 6)}-${until.slice(6)}` }),
    ...(count && { ends: /** @type {const} */ ("count"), count }),
  };
  return textFrom(form) === textOf(rule) && numbersFor(form).includes(form.nth) ? form : null;
}

/** Return the fields of a rule after its day `from` has moved to `to`. @param {Form} form @param {number} from @param {number} to @returns {Form} */
export function moved(form, from, to) {
  if (from === to) return form;
  const { month, day, length } = calendarOf(to);
  const weekdays = form.weekdays.map((each) => (each === weekdayOf(from) ? weekdayOf(to) : each));
  const isDay = form.kind === "day";
  const isLast = form.nth < 0 && day + (isDay ? 1 : 7) > length;
  const nth = form.nth === SAME || isLast ? form.nth : isDay ? day : Math.ceil(day / 7);
  return { ...form, day: to, weekdays: [...new Set(weekdays)].sort(), kind: isDay ? "day" : weekdayOf(to), nth, month };
}

/** Return the text of the rule that the fields make, or null while they make none. @param {Form} form */
export function textFrom({ frequency, interval, weekdays, nth, kind, month, ends, until, count, from }) {
  const isNumber = (/** @type {number} */ value, /** @type {number} */ limit) => Number.isInteger(value) && value >= 1 && value <= limit;
  if (!isNumber(interval, MAX_INTERVAL) || (frequency === "WEEKLY" && weekdays.length === 0 && from === "due")) return null;
  if ((ends === "until" && !until) || (ends === "count" && !isNumber(count, MAX_COUNT))) return null;
  if (ends === "count" && from === "completion") return null;
  const isSame = nth === SAME && kind === "day";
  const days = frequency === "YEARLY" ? dayOf(month, nth) : nthOrLast(nth);
  const within = isSame ? {} : kind === "day" ? days : { weekdays: /** @type {Rule["weekdays"]} */ ([[nth, kind]]) };
  return textOf(
    ruleOf({
      ...{ frequency, interval },
      ...(frequency === "WEEKLY" && { weekdays: each(weekdays) }),
      ...((frequency === "MONTHLY" || frequency === "YEARLY") && within),
      ...(frequency === "YEARLY" && !isSame && { months: [month] }),
      ...(ends === "until" && { until: until.replaceAll("-", "") }),
      ...(ends === "count" && { count }),
    }),
  );
}

/** Return the numbers that a day of a month can have. @param {Form} form */
export function numbersFor({ frequency, kind, month, from }) {
  const length = kind !== "day" ? 5 : frequency === "YEARLY" ? MONTH_LENGTHS[month - 1] : 31;
  return [...(from === "completion" && kind === "day" ? [SAME] : []), ...Array.from({ length }, (_, index) => index + 1), -1];
}

/** Return changed fields that fit together: a number that the days do not have becomes the last one. @param {Form} form @param {Partial<Form>} change @returns {Form} */
export function changed(form, change) {
  const next = { ...form, ...change };
  if (next.from === "completion" && next.ends === "count") next.ends = "never";
  if (next.from === "due" && next.weekdays.length === 0 && form.from !== "due") next.weekdays = [weekdayOf(next.day)];
  if (next.nth === SAME && next.kind === "day" && next.from === "due") next.nth = calendarOf(next.day).day;
  return numbersFor(next).includes(next.nth) ? next : { ...next, nth: -1 };
}
