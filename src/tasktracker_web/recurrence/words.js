// A recurrence in words.

import { addTexts, dateFrom, locale, t } from "../texts/texts.js";
import { NAMES, nthOfRule, parse, WORKDAYS } from "./rule.js";
import { complete, localDue } from "./slots.js";

await addTexts("recurrence");

/** @typedef {import("./rule.js").Rule} Rule */
/** @typedef {Pick<import("./rule.js").Recurrence, "rule" | "from"> & { start?: string | null, time_zone?: string }} Said */

const UTC = /** @type {const} */ ({ timeZone: "UTC" });
const list = new Intl.ListFormat(locale, { type: "conjunction" });
const ordinals = new Intl.PluralRules(locale, { type: "ordinal" });
const longDay = new Intl.DateTimeFormat(locale, { ...UTC, weekday: "long" });
const shortDay = new Intl.DateTimeFormat(locale, { ...UTC, weekday: "short" });
const month = new Intl.DateTimeFormat(locale, { ...UTC, month: "long" });
const dayOfYear = new Intl.DateTimeFormat(locale, { ...UTC, month: "long", day: "numeric" });
const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });

/** Return the name of a weekday. @param {number} day from 0 for Monday @param {boolean} [isShort] */
export function weekdayName(day, isShort = false) {
  return (isShort ? shortDay : longDay).format(Date.UTC(2024, 0, 1 + day)); // a Monday
}

/** Return which one of several, as in "3rd" or "last". @param {number} number from the end if negative */
export function nth(number) {
  if (number === -1) return t("repeat.last");
  const found = t(`repeat.nth.${ordinals.select(Math.abs(number))}`, { number: Math.abs(number) });
  return number > 0 ? found : t("repeat.before-last", { nth: found });
}

/** @param {string[]} names */
function listed(names) {
  return list.format(names);
}

/** @param {number} number from 1 */
export function monthName(number) {
  return month.format(Date.UTC(2024, number - 1, 1));
}

/** @param {number[]} months */
function monthNames(months) {
  return listed(months.map(monthName));
}

/** Return what a set of weekdays is called, if it is one weekday, the working days or all days. @param {number[]} days */
function kindOf(days) {
  if (days.length === 1) return weekdayName(days[0]);
  if (days.length === NAMES.length) return t("repeat.day");
  return String(days) === String(WORKDAYS) ? t("repeat.workday") : null;
}

/** Return the days of a month or year. @param {Rule} rule */
function daysWithin({ frequency, months, monthDays, weekdays, positions }) {
  if (monthDays.length > 0 && weekdays.length > 0) return null;
  if (monthDays.length > 0) {
    if (positions.length > 0 || (frequency === "YEARLY" && months.length === 0)) return null;
    return listed(monthDays.map((day) => (day > 0 ? nth(day) : t("repeat.nth-of", { nth: nth(day), day: t("repeat.day") }))));
  }
  const numbers = new Set(weekdays.map(([number]) => number));
  if (positions.length > 0) {
    const day = numbers.size === 1 && numbers.has(0) ? kindOf(weekdays.map(([, each]) => each)) : null;
    return day && listed(positions.map((each) => t("repeat.nth-of", { nth: nth(each), day })));
  }
  if (numbers.has(0) || (frequency === "YEARLY" && months.length === 0)) return null;
  return listed(weekdays.map(([number, day]) => t("repeat.nth-of", { nth: nth(number), day: weekdayName(day) })));
}

/** Return the days of a rule in words, or null if there are none for it. @param {Rule} rule with the parts of its start */
function daysInWords(rule) {
  const { frequency, interval, months, monthDays, weekdays, positions } = rule;
  const every = t(`repeat.every.${frequency}`, { count: interval });
  const within = (/** @type {string} */ text) => (months.length > 0 ? t("repeat.in", { text, months: monthNames(months) }) : text);
  if (frequency === "DAILY" || frequency === "WEEKLY") {
    if (monthDays.length > 0 || positions.length > 0) return null;
    if (weekdays.length === 0) return within(every);
    const days = weekdays.map(([, day]) => day);
    if (interval > 1) return frequency === "DAILY" ? null : within(t("repeat.on", { every, days: listed(days.map((day) => weekdayName(day))) }));
    if (days.length === NAMES.length) return within(t("repeat.every.DAILY", { count: 1 }));
    return within(kindOf(days) === t("repeat.workday") ? t("repeat.workdays") : t("repeat.every.weekday", { days: listed(days.map((day) => weekdayName(day))) }));
  }
  if (frequency === "YEARLY" && months.length === 1 && monthDays.length === 1 && monthDays[0] > 0 && weekdays.length + positions.length === 0) {
    return t("repeat.on-date", { every, date: dayOfYear.format(Date.UTC(2024, months[0] - 1, monthDays[0])) });
  }
  if (weekdays.length + monthDays.length === 0) return within(every); // its start is not known
  const last = nthOfRule(rule);
  const days = last ? nth(last) : daysWithin(rule);
  if (!days || weekdays.length * (last ?? 0) > 0) return null;
  const found = t("repeat.on-the", { every, days });
  const on = last ? t("repeat.or-last", { text: found }) : found;
  return frequency === "YEARLY" ? t("repeat.of", { text: on, months: monthNames(months) }) : within(on);
}

/** Return a recurrence in words, or the text of its rule if there are no words for it. @param {Said} recurrence */
export function inWords({ rule: text, from, start, time_zone = "UTC" }) {
  const rule = parse(text);
  const words = daysInWords(start && from === "due" ? complete(rule, localDue(start, time_zone).day) : rule);
  if (!words) return t("repeat.rule", { rule: text });
  const { count, until } = rule;
  const end = count ? t("repeat.times", { text: words, count }) : until ? t("repeat.until", { text: words, day: date.format(lastDay(until)) }) : words;
  return from === "completion" ? t("repeat.from-completion", { text: end }) : end;
}

/** Return the last day of a rule, in the time zone of the browser. @param {string} until as in a rule */
function lastDay(until) {
  const [, year, month, day, clock] = /** @type {RegExpExecArray} */ (/^(\d{4})(\d\d)(\d\d)(T.*)?$/.exec(until));
  const text = `${year}-${month}-${day}`;
  return clock ? new Date(`${text}${clock.replace(/(\d\d)(\d\d)(\d\d)/, "$1:$2:$3")}`) : dateFrom(text);
}
