// The words of tasks that recur, as in "every monday at 9": what rule they mean.

import { each, MAX_INTERVAL, nthOfRule, nthOrLast, parse, ruleOf, textOf, WORKDAYS } from "./recurrence/rule.js";
import { calendarOf, complete, dayNumber, firstSlot, firstSlots, hasSlot, localDue, numberOfDay, slots, textOfDay } from "./recurrence/slots.js";
import { dateFrom, dayFrom } from "./texts/texts.js";
import { ALONE, COUNT, matched, MONTHS, next, NUMBERS, numberOf, read, rule, SHORT_WEEKDAYS, WEEKDAYS } from "./vocabulary.js";

/** @typedef {import("./recurrence/rule.js").Rule} Rule */
/** @typedef {import("./recurrence/rule.js").Recurrence} Recurrence */
/** @typedef {import("./recurrence/slots.js").Due} Due */
/** The parts of a rule, whether it is counted from the completion, and the hour at which a part of the day begins. @typedef {Partial<Rule> & { frequency: Rule["frequency"], isFromCompletion?: boolean, hour?: number }} Found */
/** @typedef {{ pattern: RegExp, read: (groups: string[]) => Found | null }} RepeatRule */
/** Days within a week, month or year, which follow a rule without any. @typedef {{ pattern: RegExp, read: (groups: string[]) => Partial<Rule> | null }} DetailRule */
/** `begin` are the words before the first day, `on` is that before others, `lasts` is for how long, and `times` how often. @typedef {{ rules: RepeatRule[], details: Partial<Record<Rule["frequency"], DetailRule[]>>, begin: string, on: string, until: RegExp, lasts: RegExp, times: RegExp, completion: RegExp }} Repeats */
/** For how long a rule lasts. @typedef {{ count: number, unit: string }} Span */
/** A rule as it was written, where it ends, its time of day, its first day and for how long it lasts. @typedef {{ end: number, rule: string, from: Recurrence["from"], time: [hours: number, minutes: number] | null, begin?: import("./capture.js").Day, lasts?: Span }} Written */
/** What reads days and times. @typedef {Pick<import("./capture.js").Grammar, "days" | "times" | "hours" | "parts" | "range">} Times */

const NOON = 12;

/** Read a rule with its time, its end and what it is counted from. @param {string} text @param {number} at @param {Repeats} repeats @param {Times} times @param {Date} now @returns {Written | null} */
export function repeatAt(text, at, { rules, details, begin: beginWords, on, until, lasts, times: often, completion }, times, now) {
  /** Also a time that needs a day: the rule has one. */
  let isLikely = false;
  const timeAt = (/** @type {number} */ from) => {
    const exact = read(times.times, text, from, now);
    const found = exact ?? read(times.hours, text, from, now);
    isLikely ||= !exact && !!found;
    return found;
  };
  const before = timeAt(at);
  const found = read(rules, text, before ? next(text, before.end) : at, now);
  if (!found || found.value.interval === 0 || (found.value.interval ?? 1) > MAX_INTERVAL) return null;
  let { value: { isFromCompletion = false, hour, ...parts }, end } = found;
  let time = before?.value;
  /** @type {import("./capture.js").Day | undefined} */
  let begin;
  /** @type {Span | undefined} */
  let span;
  const beginning = rule(beginWords, null).pattern;
  const dayAfter = (/** @type {RegExp} */ word, /** @type {number} */ from) => {
    const match = matched(word, text, from);
    if (!match) return null;
    const start = next(text, match.end);
    const found = read(times.days, text, start, now);
    if (found) return found;
    const given = read(times.days, on + text.slice(start), 0, now); // also what needs a word before it, as in "from mon"
    return given && { ...given, end: start + given.end - on.length };
  };
  for (let last = -1; last < end; ) {
    last = end;
    const from = next(text, end);
    const hasDays = [parts.weekdays, parts.monthDays].some((days) => days?.length);
    const detail = hasDays ? null : read(details[parts.frequency] ?? [], text, from, now);
    if (detail) [parts, end] = [{ ...parts, ...detail.value }, detail.end];
    const part = hour === undefined ? read(times.parts, text, from, now) : null;
    if (part) [hour, end] = [part.value[0], part.end];
    const clock = time ? null : timeAt(from);
    if (clock) [time, end] = [clock.value, clock.end];
    const isEndless = !parts.until && !parts.count && !span;
    const day = isEndless ? dayAfter(until, from) : null;
    if (day) [parts, end] = [{ ...parts, until: dayFrom(day.value.date).replaceAll("-", "") }, day.end];
    const first = begin ? null : dayAfter(beginning, from);
    const limit = first && dayAfter(times.range, first.end);
    // "From monday to friday" is not understood.
    if (first && !(first.value.isWeekday && limit?.value.isWeekday)) [begin, end] = [first.value, first.end];
    if (begin && isEndless && limit) [parts, end] = [{ ...parts, until: dayFrom(limit.value.date).replaceAll("-", "") }, limit.end];
    const lasting = isEndless ? matched(lasts, text, from) : null;
    const [count, unit] = lasting?.groups.filter(Boolean) ?? [];
    if (lasting) [span, end] = [{ count: countOf(count) || 1, unit }, lasting.end];
    // "Every day 3 times" may be 3 times on each day.
    const counted = isEndless && !isFromCompletion ? matched(often, text, from) : null; // the server refuses both
    const [isFor, number, isInAll] = counted?.groups ?? [];
    const isClear = isFor || isInAll || (parts.interval ?? 1) > 1 || parts.weekdays?.length || parts.monthDays?.length;
    if (counted && isClear && countOf(number) > 0) [parts, end] = [{ ...parts, count: countOf(number) }, counted.end];
    const after = parts.count ? null : matched(completion, text, from);
    if (after) [isFromCompletion, end] = [true, after.end];
  }
  // 8 in the evening; and without more, from 1 to 6, after noon.
  const isAfternoon = time && (hour === undefined ? isLikely && time[0] > 0 && time[0] < 7 : hour >= NOON && time[0] < NOON);
  if (time && isAfternoon) time = [time[0] + NOON, time[1]];
  else if (!time && hour !== undefined) time = [hour, 0];
  return { end, rule: textOf(ruleOf(parts)), from: isFromCompletion ? "completion" : "due", time: time ?? null, begin, lasts: span };
}

/** Return the fields of a task with a rule, which is due at the first day or moment of the rule, or as it is given; if `isBegin`, on the first one from then on that is not past. @param {Pick<Written, "rule" | "from" | "lasts">} written @param {[hours: number, minutes: number] | null} time @param {Due | null} given @param {Date} now @param {boolean} [isBegin] @returns {Due & { recurrence: Recurrence } | null} null if the rule has no day */
export function fieldsOf({ rule, from, lasts }, time, given, now, isBegin = false) {
  const start = time ? new Date(now.getFullYear(), now.getMonth(), now.getDate(), ...time).toISOString() : dayFrom(now);
  const recurrence = { rule, time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone, from, start };
  const begun = given && (given.due_on ? dateFrom(given.due_on) : new Date(String(given.due_date)));
  const first = !given ? firstNamed(recurrence, now) : isBegin && begun ? firstSlot({ ...recurrence, start: startOf(given) }, begun) : given;
  if (!first) return null;
  const started = { ...recurrence, start: startOf(first) };
  const { day } = localDue(started.start, started.time_zone);
  if (from === "due") started.rule = withLastDays(rule, day);
  if (lasts) started.rule = textOf({ ...parse(started.rule), until: lastDay(day, lasts).replaceAll("-", "") });
  const due = isBegin ? slots(started, null, now).next().value : first;
  if (!due || !hasSlot(started)) return null;
  const { count } = parse(started.rule);
  const passed = count && begun ? firstSlots([started, null, begun], count).findIndex((each) => startOf(each) === startOf(due)) : 0;
  if (count && passed > 0) started.rule = textOf({ ...parse(started.rule), count: count - passed });
  return { recurrence: { ...started, start: startOf(due) }, due_on: due.due_on, due_date: due.due_date };
}

/** @param {Due} due */
function startOf({ due_on, due_date }) {
  return String(due_on ?? due_date).replace(".000Z", "Z");
}

/** Return the first day of a rule. Today is not the 31st of each month because it is the last day of this one. @param {Recurrence} recurrence @param {Date} now */
function firstNamed(recurrence, now) {
  const first = firstSlot(recurrence, now);
  const rule = parse(recurrence.rule);
  const nth = rule.frequency === "MONTHLY" && nthOfRule(rule);
  if (!first || !nth) return first;
  const { day } = localDue(startOf(first), recurrence.time_zone);
  return textOfDay(day) === dayFrom(now) && calendarOf(day).day !== nth ? (slots({ ...recurrence, rule: textOf({ ...rule, interval: 1 }) }, startOf(first), now).next().value ?? undefined) : first;
}

/** Return the last day of a span from a day on. @param {number} start @param {Span} span */
function lastDay(start, { count, unit }) {
  if (/^[dt]/i.test(unit)) return textOfDay(start + count - 1);
  if (/^w/i.test(unit)) return textOfDay(start + 7 * count - 1);
  const { year, month, day } = calendarOf(start);
  const months = 12 * year + month - 1 + (/^m/i.test(unit) ? count : 12 * count);
  const first = dayNumber(Math.floor(months / 12), (months % 12) + 1, 1);
  return textOfDay(first + Math.min(day, calendarOf(first).length) - 2);
}

/** Return a rule which, if it takes its day from its start and a month can be shorter, has the last day there. @param {string} text @param {number} start */
function withLastDays(text, start) {
  const rule = complete(parse(text), start);
  const [nth = 0] = rule.monthDays;
  const isTaken = parse(text).monthDays.length < rule.monthDays.length;
  const last = nthOrLast(nth);
  return isTaken && last.positions.length > 0 && (rule.frequency === "MONTHLY" || String(rule.months) === "2") ? textOf({ ...rule, ...last }) : text;
}

// ---------------------------------------------------------------------- rules

/** Return a number from a word; NaN if it is none. @param {string} word */
function countOf(word) {
  const number = numberOf(NUMBERS, word);
  return number < 0 ? Number.parseInt(word, 10) : number + 2;
}

/** @param {string} text @param {string[][]} names each from Sunday on @returns {number[]} from 0 for Monday */
function weekdaysIn(text, ...names) {
  return text.split(/[\s,&]+/).flatMap((word) => {
    const index = Math.max(...names.map((each) => numberOf(each, word)));
    return index < 0 ? [] : [(index + 6) % 7];
  });
}

/** Return the rule of days that are the nth ones in a month. @param {number[]} nths @param {number[]} [days] none for a day of any weekday @returns {Found} */
function monthly(nths, days = []) {
  if (days.length === 0) return { frequency: "MONTHLY", ...(nths.length === 1 ? nthOrLast(nths[0]) : { monthDays: nths }) };
  return days.length === 1 ? { frequency: "MONTHLY", weekdays: nths.map((nth) => [nth, days[0]]) } : { frequency: "MONTHLY", weekdays: each(days), positions: nths };
}

/** Return the rule of one day in each year, if there is such a day. @param {number} day @param {number} month @returns {Found | null} */
function yearly(day, month) {
  const isReal = day > 0 && month > 0 && month <= 12 && day <= calendarOf(numberOfDay(`2024-${String(month).padStart(2, "0")}-01`)).length;
  return isReal ? { frequency: "YEARLY", months: [month], ...(month === 2 ? nthOrLast(day) : { monthDays: [day] }) } : null;
}

/** Return the rule of one or more days of each month. @param {string} text with their numbers @returns {Found | null} */
function onDaysOfMonth(text) {
  const days = (text.match(/\d+/g) ?? []).map(Number);
  return days.every((day) => day > 0 && day <= 31) ? monthly(days) : null;
}

/** Return a rule for a period, such as "weeks". @param {string} unit @param {number} interval @returns {Found} */
function periodic(unit, interval) {
  if (/^q|^viertel|^halb/i.test(unit)) return { frequency: "MONTHLY", interval: (/^halb/i.test(unit) ? 6 : 3) * interval };
  if (/^bi|^fort/i.test(unit)) return { frequency: "WEEKLY", interval: 2 * interval };
  const frequency = /^[dt]/i.test(unit) ? "DAILY" : /^w/i.test(unit) ? "WEEKLY" : /^m/i.test(unit) ? "MONTHLY" : "YEARLY";
  return { frequency, interval };
}

const FIRSTS = { en: ["first|1st", "second|2nd", "third|3rd", "fourth|4th", "last"], de: ["erste[nrsm]?|1\\.", "zweite[nrsm]?|2\\.", "dritte[nrsm]?|3\\.", "vierte[nrsm]?|4\\.", "letzte[nrsm]?"] };

/** @param {string[]} names @param {string} words */
function nthsOf(names, words) {
  const found = words.split(/[\s,&]+/).map((word) => numberOf(names, word));
  return found.flatMap((index) => (index < 0 ? [] : index === names.length - 1 ? -1 : index + 1));
}

/** @returns {Repeats} */
function english() {
  const months = MONTHS.en;
  const [month, nth] = [months.join("|"), FIRSTS.en.join("|")];
  const short = SHORT_WEEKDAYS.en.map((name) => ({ tue: "tues?", wed: "wed", thu: "thu(?:rs?)?" })[name] ?? name);
  const weekday = [...WEEKDAYS.en, ...short].join("|");
  const and = "(?:, (?:and )?|,| (?:and|or|&) )";
  const list = `(?:${weekday})(?:${and}(?:${weekday}))*`;
  const plurals = WEEKDAYS.en.map((name) => `${name}s`);
  const plural = plurals.join("|");
  const pluralList = `(?:${plural})(?:${and}(?:${plural}))*`;
  const every = "(?:every|each)(!?)";
  const alone = `(?:${ALONE}|(?= (?:on|after|until|till|in the|for (?:the next|an?|one|${COUNT})|from|starting|beginning) ))`;
  const nths = `(?:${nth})(?:${and}(?:the )?(?:${nth}))*`;
  const ofMonth = " (?:of|in) (?:the|each|every) month";
  const ofEvery = "(?: of)? (?:each|every) month";
  const numbered = `\\d{1,2}(?:st|nd|rd|th)(?:${and}(?:the )?\\d{1,2}(?:st|nd|rd|th))*`;
  const dayOrList = (/** @type {string} */ word) => (/^day$/i.test(word) ? [] : /^w(?:eek|ork)day$/i.test(word) ? WORKDAYS : weekdaysIn(word, WEEKDAYS.en, short));
  /** @type {DetailRule[]} */
  const ofMonths = [
    rule(`(?:on )?(?:the )?(${nths}) (day|weekday|workday|${weekday})`, ([number, day]) => monthly(nthsOf(FIRSTS.en, number), dayOrList(day))),
    rule(`on (?:the )?(${numbered}|\\d{1,2})`, ([days]) => onDaysOfMonth(days)),
  ];
  return {
    rules: [
      rule(`${every} (${nths}) (day|weekday|workday|${weekday})${ofMonth}`, ([bang, number, day]) => from(bang, monthly(nthsOf(FIRSTS.en, number), dayOrList(day)))),
      rule(`${every} (first|1st|last|(?:${nth})(?:${and}(?:the )?(?:${nth}))+) (day|weekday|workday|${weekday})`, ([bang, number, day]) => from(bang, monthly(nthsOf(FIRSTS.en, number), dayOrList(day)))),
      rule(`(?:on )?(?:the )?(${nths})(?: (day|weekday|workday|${weekday}))?${ofEvery}`, ([number, day]) => monthly(nthsOf(FIRSTS.en, number), dayOrList(day ?? "day"))),
      rule("(?:at |by )?(?:the )?end of (?:each|every) month", () => monthly([-1])),
      rule(`(?:on )?(?:the )?(${numbered})${ofEvery}|(?:on )?the (\\d{1,2})${ofEvery}`, ([days, day]) => onDaysOfMonth(days ?? day)),
      rule(`${every} (?:(other|second|third|fourth|${COUNT})(?:nd|rd|th)? )?(day|week|fortnight|month|quarter|year)s?`, ([bang, count, unit]) => from(bang, periodic(unit, ordinalOf(FIRSTS.en, count)))),
      rule(`${every} (?:weekday|workday|working day)s?|on weekdays|weekdays${alone}`, ([bang]) => from(bang, { frequency: "WEEKLY", weekdays: each(WORKDAYS) })),
      rule(`${every} weekends?|on (?:the )?weekends|weekends${alone}`, ([bang]) => from(bang, { frequency: "WEEKLY", weekdays: each([5, 6]) })),
      rule(`${every} (?:(other|second|third|fourth|${COUNT})(?:nd|rd|th)? )?(${list})`, ([bang, count, days]) => from(bang, { frequency: "WEEKLY", interval: ordinalOf(FIRSTS.en, count), weekdays: each(weekdaysIn(days, WEEKDAYS.en, short)) })),
      rule(`((?:${weekday})(?:${and}(?:${weekday})){2,})${alone}`, ([days]) => ({ frequency: "WEEKLY", weekdays: each(weekdaysIn(days, WEEKDAYS.en, short)) })),
      rule(`on (${pluralList})|(${pluralList})${alone}`, ([days, others]) => ({ frequency: "WEEKLY", weekdays: each(weekdaysIn(days ?? others, plurals)) })),
      rule(`${every} (?:the )?(\\d{1,2})(?:st|nd|rd|th)?(?: of)? (${month})`, ([bang, day, name]) => from(bang, yearly(Number(day), numberOf(months, name) + 1))),
      rule(`${every} (${month}) (\\d{1,2})(?:st|nd|rd|th)?`, ([bang, name, day]) => from(bang, yearly(Number(day), numberOf(months, name) + 1))),
      rule(`${every} (?:the )?(${numbered})(?:${ofMonth}|${alone})`, ([bang, days]) => from(bang, onDaysOfMonth(days))),
      rule(`${every} (morning|afternoon|evening|night)`, ([bang, part]) => from(bang, { frequency: "DAILY", hour: /** @type {Record<string, number>} */ ({ morning: 9, afternoon: 15 })[part.toLowerCase()] ?? 19 })),
      // Before other words, they are about them, as in "weekly report".
      rule(`(daily|weekly|biweekly|fortnightly|monthly|quarterly|yearly|annually)${alone}`, ([word]) => periodic(word, 1)),
    ],
    details: {
      WEEKLY: [rule(`on (${list})`, ([days]) => ({ weekdays: each(weekdaysIn(days, WEEKDAYS.en, short)) }))],
      MONTHLY: ofMonths,
      YEARLY: [
        rule(`on (?:the )?(\\d{1,2})(?:st|nd|rd|th)?(?: of)? (${month})`, ([day, name]) => yearly(Number(day), numberOf(months, name) + 1)),
        rule(`on (${month}) (\\d{1,2})(?:st|nd|rd|th)?`, ([name, day]) => yearly(Number(day), numberOf(months, name) + 1)),
      ],
    },
    on: "on ",
    begin: "from|(?:starting|beginning)(?: from| on)?|as of",
    until: rule("(?:until|till)", null).pattern,
    lasts: rule(`for (?:the next )?(${COUNT}|an?|one) (day|week|month|year)s?`, null).pattern,
    times: rule(`(for )?(${COUNT})(?: times|x)( in (?:all|total))?(?! (?:an?|per|each|every|daily)\\b)`, null).pattern,
    completion: rule("after (?:the )?(?:completion|completing(?: it)?|it is done)", null).pattern,
  };
}

/** @returns {Repeats} */
function german() {
  const months = MONTHS.de;
  const [month, nth] = [months.join("|"), FIRSTS.de.join("|")];
  const names = WEEKDAYS.de.map((name) => (name === "samstag" ? "samstag|sonnabend" : name));
  const short = SHORT_WEEKDAYS.de.map((name) => `${name}\\.?`);
  const weekday = [...names, ...short].join("|");
  const and = "(?:, (?:und )?|,| (?:und|oder|&) )(?:jede[nrsm]? )?";
  const list = `(?:${weekday})(?:${and}(?:${weekday}))*`;
  const plurals = names.map((name) => `(?:${name})s`);
  const plural = plurals.join("|");
  const every = "(?:jede[nrsm]?|alle)(!?)";
  const alone = `(?:${ALONE}|(?= (?:nach|bis|für (?:die nächsten|eine?[nm]?|${COUNT})|ab|vom|beginnend) ))`;
  const ofMonth = " (?:im|des|in jedem|jede[ns]|eines(?: jeden)?) monats?";
  const parts = { morgen: 9, vormittag: 9, mittag: NOON, nachmittag: 15, abend: 19, nacht: 22 };
  const part = Object.keys(parts).join("|");
  const hour = (/** @type {string} */ word) => /** @type {Record<string, number>} */ (parts)[word.toLowerCase()];
  const day = `tag|werktag|arbeitstag|${weekday}`;
  const dayOrList = (/** @type {string} */ word) => (/^tag$/i.test(word) ? [] : /^(?:werk|arbeits)tag$/i.test(word) ? WORKDAYS : weekdaysIn(word, names, short));
  const nths = `(?:${nth})(?:${and}(?:${nth}))*`;
  const numbered = `\\d{1,2}\\.(?:${and}(?:am )?\\d{1,2}\\.)*`;
  const counted = `(?:(${COUNT}|\\d{1,2}\\.|zweite[nrsm]?|dritte[nrsm]?|vierte[nrsm]?) )?`;
  return {
    rules: [
      rule(`${every} (${nths}) (${day})${ofMonth}`, ([bang, number, name]) => from(bang, monthly(nthsOf(FIRSTS.de, number), dayOrList(name)))),
      rule(`${every} (erste[nrsm]?|1\\.|letzte[nrsm]?|(?:${nth})(?:${and}(?:${nth}))+) (${day})`, ([bang, number, name]) => from(bang, monthly(nthsOf(FIRSTS.de, number), dayOrList(name)))),
      rule("(?:am |zum )?ende jede[ns] monats?", () => monthly([-1])),
      rule(`(?:am )?(${nths}) (${day}) (?:im|jede[ns]|in jedem|eines jeden) monats?`, ([number, name]) => monthly(nthsOf(FIRSTS.de, number), dayOrList(name))),
      rule(`(?:am )?(${numbered}) (?:jede[ns]|in jedem|eines jeden) monats?`, ([days]) => onDaysOfMonth(days)),
      rule(`${every} ${counted}(tage?n?|wochen?|monate?|quartale?|jahre?)`, ([bang, count, unit]) => from(bang, periodic(unit, ordinalOf(FIRSTS.de, count)))),
      rule(`${every} (?:werktage?|arbeitstage?|wochentage?)|werktags|wochentags|an werktagen`, ([bang]) => from(bang, { frequency: "WEEKLY", weekdays: each(WORKDAYS) })),
      rule(`${every} wochenenden?`, ([bang]) => from(bang, { frequency: "WEEKLY", weekdays: each([5, 6]) })),
      rule(`jede[nrsm]?(!?) ${counted}(${list})`, ([bang, count, days]) => from(bang, { frequency: "WEEKLY", interval: ordinalOf(FIRSTS.de, count), weekdays: each(weekdaysIn(days, names, short)) })),
      rule(`${every} (${names.join("|")})(${part})`, ([bang, name, word]) => from(bang, { frequency: "WEEKLY", weekdays: each(weekdaysIn(name, names)), hour: hour(word) })),
      rule(`((?:${weekday})(?:${and}(?:${weekday})){2,})${alone}`, ([days]) => ({ frequency: "WEEKLY", weekdays: each(weekdaysIn(days, names, short)) })),
      rule(`((?:${plural})(?:${and}(?:${plural}))*)`, ([days]) => ({ frequency: "WEEKLY", weekdays: each(weekdaysIn(days, plurals)) })),
      rule(`${every} (\\d{1,2})\\. ?(${month})\\.?`, ([bang, number, name]) => from(bang, yearly(Number(number), numberOf(months, name) + 1))),
      rule(`${every} (\\d{1,2})\\.(\\d{1,2})\\.`, ([bang, number, name]) => from(bang, yearly(Number(number), Number(name)))),
      rule(`${every} (${numbered})(?:${ofMonth}|${alone})`, ([bang, days]) => from(bang, onDaysOfMonth(days))),
      rule(`${every} (${part})`, ([bang, word]) => from(bang, { frequency: "DAILY", hour: hour(word) })),
      rule("(?:14|vierzehn)-?täg(?:ig|lich)", () => periodic("wochen", 2)),
      rule(`(?:(${COUNT})-?)?(täglich|wöchentlich|monatlich|vierteljährlich|halbjährlich|jährlich)`, ([count, word]) => periodic(word, ordinalOf(FIRSTS.de, count))),
    ],
    details: {
      WEEKLY: [rule(`am (${list})`, ([days]) => ({ weekdays: each(weekdaysIn(days, names, short)) }))],
      MONTHLY: [
        rule(`(?:am )?(${nths}) (${day})`, ([number, name]) => monthly(nthsOf(FIRSTS.de, number), dayOrList(name))),
        rule(`am (${numbered})`, ([days]) => onDaysOfMonth(days)),
      ],
      YEARLY: [
        rule(`am (\\d{1,2})\\. ?(${month})\\.?`, ([number, name]) => yearly(Number(number), numberOf(months, name) + 1)),
        rule("am (\\d{1,2})\\.(\\d{1,2})\\.", ([number, name]) => yearly(Number(number), Number(name))),
      ],
    },
    on: "am ",
    begin: "(?:ab|vom?|von)(?: dem)?|(?:beginnend|startend) (?:ab|am|mit)(?: dem)?",
    until: rule("bis(?: zum)?", null).pattern,
    lasts: rule(`für (?:die nächsten )?(${COUNT}|eine?[nm]?) (tag|woche|monat|jahr)(?:e?n?)(?: lang)?|(${COUNT}|eine?[nm]?) (tag|woche|monat|jahr)(?:e?n?) lang`, null).pattern,
    times: rule(`(für |insgesamt )?(${COUNT})(?:[ -]?mal|x)( insgesamt)?(?! (?:am|pro|im|in der|täglich|jede)\\b)`, null).pattern,
    completion: rule("(?:nach|ab) (?:der |dem )?(?:erledigung|erledigen|abschluss)", null).pattern,
  };
}

/** Return a rule, counted from the completion if there is a "!". @param {string} bang @param {Found | null} found @returns {Found | null} */
function from(bang, found) {
  return found && { ...found, isFromCompletion: bang === "!" };
}

/** Return the number of periods: each third one, or each one. @param {string[]} names @param {string | undefined} word */
function ordinalOf(names, word) {
  if (!word) return 1;
  const count = /^other$/i.test(word) ? 2 : countOf(word);
  return Number.isNaN(count) ? numberOf(names, word) + 1 : count;
}

/** @type {Map<string, Repeats>} */
const known = new Map();

/** @param {string} language @returns {Repeats} */
export function repeatsOf(language) {
  let found = known.get(language);
  if (!found) known.set(language, (found = language === "de" ? german() : english()));
  return found;
}
