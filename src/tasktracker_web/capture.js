// A task as a user writes it in one line: when it is due, its priority and its category are recognised in the text.

import { language as defaultLanguage, locale as defaultLocale } from "./texts/texts.js";

/** @typedef {import("./sync/items.js").Task} Task */
/** @typedef {{ id: string, name: string }} Named */
/** A part of the text that was understood, from `start` to before `end`. @typedef {{ start: number, end: number, text: string, fields: Partial<Task> }} Token */
/** @typedef {{ title: string, fields: Partial<Task>, tokens: Token[] }} Captured */
/**
 * @typedef {object} Options
 * @property {Date} now
 * @property {Iterable<Named>} [categories]
 * @property {ReadonlySet<string>} [literal] parts of the text that stay in the title
 * @property {string} [language]
 * @property {string} [locale]
 */
/** A day at 00:00, or a moment if `isExact`. @typedef {{ date: Date, isExact?: boolean }} Day */
/** @typedef {{ pattern: RegExp, read: (groups: string[], now: Date) => Day | null }} DayRule */
/** @typedef {{ pattern: RegExp, read: (groups: string[]) => [hours: number, minutes: number] }} TimeRule */
/** @typedef {{ days: DayRule[], times: TimeRule[] }} Grammar */

const MAX_TITLE = 200;
const MAX_NOTES = 10_000;
/** What follows a word. */
const END = "(?=$|[\\s,;.!?)])";
const PRIORITY = new RegExp(`!([1-4])${END}`, "y");
/** A time follows, so what is before it is a day. */
const BEFORE_TIME = "(?=,? (?:(?:at|um) )?\\d{1,2}(?:[:.]\\d\\d|(?: ?[ap]m| ?uhr)\\b))";
const IS_END = new RegExp(`^${END}`);

/**
 * Return the task that a text describes. Text that is not understood is its title.
 * @param {string} text @param {Options} options @returns {Captured}
 */
export function captured(text, { now, categories = [], literal = new Set(), language = defaultLanguage, locale = defaultLocale }) {
  const grammar = grammarOf(language, locale);
  /** The last one of each kind counts. @type {Map<string, Token>} */
  const found = new Map();
  for (let at = 0; at < text.length; ) {
    const isStart = at === 0 || /[\s(]/.test(text[at - 1]);
    const token = isStart ? (dueAt(text, at, grammar, now) ?? priorityAt(text, at) ?? categoryAt(text, at, categories)) : null;
    if (token && !literal.has(token.text)) found.set(Object.keys(token.fields)[0], token);
    at = token ? token.end : at + 1;
  }
  const tokens = [...found.values()].sort((a, b) => a.start - b.start);
  const title = without(text, tokens);
  if (!title) return { ...fitting(tidy(text)), tokens: [] };
  const { title: fitted, fields } = fitting(title);
  return { title: fitted, fields: Object.assign(fields, ...tokens.map((token) => token.fields)), tokens };
}

/** Return the tasks in a text of several lines, without the signs of a list. @param {string} text */
export function linesOf(text) {
  const lines = text.split(/[\r\n]+/).map((line) => line.replace(/^\s*(?:[-*•]\s+)?(?:\[[ xX]?\]\s+)?/, "").trim());
  return lines.filter((line) => line !== "");
}

/**
 * Return the categories that complete the one whose name is being written before the caret, and where its `#` is.
 * @template {Named} T @param {string} text @param {number} caret @param {Iterable<T>} categories
 * @returns {{ start: number, matches: T[] }}
 */
export function completions(text, caret, categories) {
  const [, prefix, written] = /(^|.*\s)#([^#]*)$/s.exec(text.slice(0, caret)) ?? [];
  if (written === undefined) return { start: caret, matches: [] };
  const name = written.toLowerCase();
  const all = [...categories].filter((each) => each.name.toLowerCase().startsWith(name));
  const isDone = all.some((each) => each.name.toLowerCase() === name);
  return { start: prefix.length, matches: isDone ? [] : all.sort((a, b) => a.name.localeCompare(b.name)).slice(0, 5) };
}

/** Return the name after a `#` that is not the name of a category, as far as it is one word. @param {string} text @param {Token[]} tokens */
export function unknownCategory(text, tokens) {
  if (tokens.some(({ fields }) => "category" in fields)) return "";
  return /(?:^|\s)#(\p{L}[\p{L}\p{M}\p{N}_-]*)/u.exec(text)?.[1] ?? "";
}

/** @param {string} text @param {Token[]} tokens in their order */
function without(text, tokens) {
  let [rest, end] = ["", 0];
  for (const token of tokens) {
    rest += `${text.slice(end, token.start)} `;
    end = token.end;
  }
  return tidy(rest + text.slice(end)).replace(/ (?=[,;.!?)]( |$))/g, "").replace(/[,;]$/, "");
}

/** @param {string} text */
function tidy(text) {
  return text.replace(/\s+/g, " ").trim();
}

/** Keep a text that is too long for a title as notes, too. @param {string} text @returns {{ title: string, fields: Partial<Task> }} */
function fitting(text) {
  if (text.length <= MAX_TITLE) return { title: text, fields: {} };
  return { title: `${cut(text, MAX_TITLE - 1)}…`, fields: { description: cut(text, MAX_NOTES) } };
}

/** Cut a text, and not between the two halves of a character. @param {string} text @param {number} length */
function cut(text, length) {
  return text.slice(0, length).replace(/\p{Cs}$/u, "");
}

/** @param {string} text @param {number} at @returns {Token | null} */
function priorityAt(text, at) {
  const match = matched(PRIORITY, text, at);
  return match && token(text, at, match.end, { priority: /** @type {1 | 2 | 3 | 4} */ (Number(match.groups[0])) });
}

/** @param {string} text @param {number} at @param {Iterable<Named>} categories @returns {Token | null} */
function categoryAt(text, at, categories) {
  if (text[at] !== "#") return null;
  const rest = text.slice(at + 1).toLowerCase();
  const isNamed = (/** @type {Named} */ { name }) => rest.startsWith(name.toLowerCase()) && IS_END.test(rest.slice(name.length));
  const [first] = [...categories].filter(isNamed).sort((a, b) => b.name.length - a.name.length);
  return first ? token(text, at, at + 1 + first.name.length, { category: first.id }) : null;
}

/** Read a day, a time, or both in either order. @param {string} text @param {number} at @param {Grammar} grammar @param {Date} now @returns {Token | null} */
function dueAt(text, at, { days, times }, now) {
  const readDay = (/** @type {number} */ from) => read(days, text, from, now);
  const readTime = (/** @type {number} */ from) => read(times, text, from, now);
  const next = (/** @type {number} */ end) => end + (/^,? */.exec(text.slice(end))?.[0].length ?? 0);
  let day = readDay(at);
  const time = readTime(day ? next(day.end) : at);
  if (!day && time) day = readDay(next(time.end));
  if (!day && !time) return null;
  const end = Math.max(day?.end ?? 0, time?.end ?? 0);
  if (day?.value.isExact) return token(text, at, day.end, { due_date: day.value.date.toISOString() });
  const [hours, minutes] = time?.value ?? [23, 59];
  const on = (/** @type {Date} */ date) => new Date(date.getFullYear(), date.getMonth(), date.getDate(), hours, minutes);
  let date = on(day?.value.date ?? now);
  if (!day && date <= now) date = on(daysAfter(now, 1));
  return token(text, at, end, { due_date: date.toISOString() });
}

/** @param {string} text @param {number} start @param {number} end @param {Partial<Task>} fields @returns {Token} */
function token(text, start, end, fields) {
  return { start, end, text: text.slice(start, end), fields };
}

/** @param {RegExp} pattern @param {string} text @param {number} at */
function matched(pattern, text, at) {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match && { groups: match.slice(1), end: pattern.lastIndex };
}

/** Apply the first rule that reads something. @template T @param {{ pattern: RegExp, read: (groups: string[], now: Date) => T | null }[]} rules @param {string} text @param {number} at @param {Date} now @returns {{ value: T, end: number } | null} */
function read(rules, text, at, now) {
  for (const rule of rules) {
    const match = matched(rule.pattern, text, at);
    const value = match && rule.read(match.groups, now);
    if (match && value) return { value, end: match.end };
  }
  return null;
}

// ---------------------------------------------------------------------- dates

/** @param {Date} date @param {number} days */
function daysAfter(date, days) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
}

/** Return a date that exists. Without a year, it is the next one. @param {Date} now @param {number} month 1 to 12 @param {number} day @param {number} [year] @returns {Day | null} */
function dateOf(now, month, day, year) {
  const isReal = (/** @type {Date} */ date) => date.getMonth() === month - 1 && date.getDate() === day;
  if (year) return isReal(new Date(year, month - 1, day)) ? { date: new Date(year, month - 1, day) } : null;
  const today = daysAfter(now, 0);
  for (let next = now.getFullYear(); next <= now.getFullYear() + 8; next++) {
    const date = new Date(next, month - 1, day);
    if (isReal(date) && date >= today) return { date }; // 29 February is not in each year
  }
  return null;
}

/** Return the next day of the week after today, or the one in the next week. @param {Date} now @param {number} weekday 0 is Sunday @param {boolean} isNextWeek @returns {Day} */
function weekdayAfter(now, weekday, isNextWeek) {
  const fromMonday = (/** @type {number} */ each) => (each + 6) % 7;
  const days = fromMonday(weekday) - fromMonday(now.getDay());
  return { date: daysAfter(now, isNextWeek || days <= 0 ? days + 7 : days) };
}

/** @param {Date} now @param {string} count @param {string} unit a word that begins like one of the units @returns {Day} */
function after(now, count, unit) {
  const number = Number(count) || 1; // "in a week"
  if (/^(min|h|std|stu)/.test(unit)) return { date: new Date(now.getTime() + number * (unit.startsWith("min") ? 60_000 : 3_600_000)), isExact: true };
  if (/^[dt]/.test(unit)) return { date: daysAfter(now, number) };
  if (unit.startsWith("w")) return { date: daysAfter(now, 7 * number) };
  const months = unit.startsWith("mo") ? number : 12 * number;
  const last = new Date(now.getFullYear(), now.getMonth() + months + 1, 0); // of that month
  return { date: new Date(last.getFullYear(), last.getMonth(), Math.min(now.getDate(), last.getDate())) };
}

// ------------------------------------------------------------------- grammars

const WEEKDAYS = {
  en: ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"],
  de: ["sonntag", "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag"],
};
/** Short forms are also other words, so they need a word before them. */
const SHORT_WEEKDAYS = {
  en: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
  de: ["so", "mo", "di", "mi", "do", "fr", "sa"],
};
const MONTHS = {
  en: ["jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?", "aug(?:ust)?", "sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?"],
  de: ["jan(?:uar)?|jänner", "feb(?:ruar)?", "märz?", "apr(?:il)?", "mai", "juni?", "juli?", "aug(?:ust)?", "sep(?:tember)?", "okt(?:ober)?", "nov(?:ember)?", "dez(?:ember)?"],
};

/** @type {Map<string, Grammar>} */
const grammars = new Map();

/** @param {string} language @param {string} locale @returns {Grammar} */
function grammarOf(language, locale) {
  let grammar = grammars.get(locale);
  if (!grammar) grammars.set(locale, (grammar = language === "de" ? german() : english(locale)));
  return grammar;
}

/** A rule for a pattern of whole words. A space in it is any white space. @template R @param {string} pattern @param {R} read */
function rule(pattern, read) {
  return { pattern: new RegExp(`(?:${pattern.replaceAll(" ", "\\s")})${END}`, "iy"), read };
}

/** The number of a month or weekday from its name. @param {string[]} names @param {string} name */
function numberOf(names, name) {
  return names.findIndex((each) => new RegExp(`^(?:${each})$`, "i").test(name));
}

/** @returns {DayRule} */
function isoDate() {
  return rule("(\\d{4})-(\\d{2})-(\\d{2})", ([year, month, day], now) => dateOf(now, Number(month), Number(day), Number(year)));
}

/** @param {string} locale @returns {Grammar} */
function english(locale) {
  const months = MONTHS.en;
  const [month, weekday, short] = [months.join("|"), WEEKDAYS.en.join("|"), SHORT_WEEKDAYS.en.join("|")];
  const parts = new Intl.DateTimeFormat(locale).formatToParts();
  const isMonthFirst = parts.findIndex(({ type }) => type === "month") < parts.findIndex(({ type }) => type === "day");
  const on = "(?:(?:on|by|due) )?";
  const withWord = "(?:on|by|due) ";
  /** @type {(first: string, second: string, year: string, now: Date) => Day | null} */
  const slashed = (first, second, year, now) => dateOf(now, Number(isMonthFirst ? first : second), Number(isMonthFirst ? second : first), Number(year));
  return {
    days: [
      isoDate(),
      rule(`${on}today`, (_, now) => ({ date: now })),
      rule(`${on}(?:tomorrow|tmr)`, (_, now) => ({ date: daysAfter(now, 1) })),
      rule(`${on}(next )?(${weekday})`, ([next, name], now) => weekdayAfter(now, numberOf(WEEKDAYS.en, name), !!next)),
      rule(`(?:${withWord})?(next )(${short})|${withWord}(${short})|(${short})${BEFORE_TIME}`, ([next, name, other, alone], now) => weekdayAfter(now, numberOf(SHORT_WEEKDAYS.en, name ?? other ?? alone), !!next)),
      rule("next week", (_, now) => weekdayAfter(now, 1, true)),
      rule("in (\\d{1,3}|an?|one) (min|minutes?|h|hours?|days?|weeks?|months?|years?)", ([count, unit], now) => after(now, count, unit.toLowerCase())),
      rule(`${on}(\\d{1,2})(?:st|nd|rd|th)?(?: of)? (${month})(?:,? (\\d{4}))?`, ([day, name, year], now) => dateOf(now, numberOf(months, name) + 1, Number(day), Number(year))),
      rule(`${on}(${month}) (\\d{1,2})(?:st|nd|rd|th)?(?:,? (\\d{4}))?`, ([name, day, year], now) => dateOf(now, numberOf(months, name) + 1, Number(day), Number(year))),
      // Without a year or a word, 1/2 is more often a half.
      rule(`${on}(\\d{1,2})/(\\d{1,2})/(\\d{4})`, ([first, second, year], now) => slashed(first, second, year, now)),
      rule(`${withWord}(\\d{1,2})/(\\d{1,2})`, ([first, second], now) => slashed(first, second, "", now)),
      rule(`(\\d{1,2})/(\\d{1,2})${BEFORE_TIME}`, ([first, second], now) => slashed(first, second, "", now)),
    ],
    times: [
      rule("(?:at )?(0?[1-9]|1[0-2])(?::([0-5]\\d))? ?(am|pm)", ([hours, minutes, half]) => [(Number(hours) % 12) + (half.toLowerCase() === "pm" ? 12 : 0), Number(minutes ?? 0)]),
      rule("(?:at )?([01]?\\d|2[0-3]):([0-5]\\d)", ([hours, minutes]) => [Number(hours), Number(minutes)]),
    ],
  };
}

/** @returns {Grammar} */
function german() {
  const months = MONTHS.de;
  const weekdays = WEEKDAYS.de.map((name) => (name === "samstag" ? "samstag|sonnabend" : name));
  const [month, weekday, short] = [months.join("|"), weekdays.join("|"), SHORT_WEEKDAYS.de.join("|")];
  const on = "(?:(?:am|bis|bis zum|zum) )?";
  const next = "(nächste[nrsm]? )";
  return {
    days: [
      isoDate(),
      rule("(?:bis )?heute", (_, now) => ({ date: now })),
      rule("(?:bis )?übermorgen", (_, now) => ({ date: daysAfter(now, 2) })),
      rule("(?:bis )?morgen", (_, now) => ({ date: daysAfter(now, 1) })),
      rule(`${on}${next}?(${weekday})`, ([isNext, name], now) => weekdayAfter(now, numberOf(weekdays, name), !!isNext)),
      rule(`(?:am |bis )?${next}(${short})|(?:am|bis) (${short})|(${short})${BEFORE_TIME}`, ([isNext, name, other, alone], now) => weekdayAfter(now, numberOf(SHORT_WEEKDAYS.de, name ?? other ?? alone), !!isNext)),
      rule("nächste woche", (_, now) => weekdayAfter(now, 1, true)),
      rule("in (\\d{1,3}|eine[rmn]?) (min|minuten?|h|std|stunden?|tag(?:en?)?|wochen?|monat(?:en?)?|jahr(?:en?)?)", ([count, unit], now) => after(now, count, unit.toLowerCase())),
      rule(`${on}(\\d{1,2})\\. ?(${month})\\.?(?: (\\d{4}))?`, ([day, name, year], now) => dateOf(now, numberOf(months, name) + 1, Number(day), Number(year))),
      rule(`${on}(\\d{1,2})\\.(\\d{1,2})\\.(\\d{4})?`, ([day, number, year], now) => dateOf(now, Number(number), Number(day), Number(year))),
    ],
    times: [
      rule("(?:um )?([01]?\\d|2[0-3]):([0-5]\\d)(?: ?uhr)?", ([hours, minutes]) => [Number(hours), Number(minutes)]),
      rule("(?:um )?([01]?\\d|2[0-3])(?:\\.([0-5]\\d))? ?uhr(?: ([0-5]\\d))?", ([hours, minutes, others]) => [Number(hours), Number(minutes ?? others ?? 0)]),
    ],
  };
}
