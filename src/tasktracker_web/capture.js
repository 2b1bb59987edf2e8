// A task as a user writes it in one line: when it is due, its priority and its category are recognised in the text.

import { fitting, tidy } from "./lines.js";
import { atHour, durationOf, firing, MORNING } from "./reminders.js";
import { fieldsOf, repeatAt, repeatsOf } from "./repeats.js";
import { atMoment, onDay } from "./tasks.js";
import { dayFrom, language as defaultLanguage, locale as defaultLocale } from "./texts/texts.js";
import { ALONE, COUNT, END, matched, MONTHS, next, NUMBERS, numberOf, read, rule, SHORT_WEEKDAYS, WEEKDAYS } from "./vocabulary.js";

export { inWords } from "./recurrence/words.js";
export { reminderText } from "./reminders.js";

/** @typedef {import("./sync/items.js").Task} Task */
/** @typedef {{ id: string, name: string }} Named */
/** What a reminder has: how long before the due date, or when. @typedef {{ before: string } | { at: string }} Remind */
/** A part of the text that was understood, from `start` to before `end`. `created` is the name of a category that does not exist yet; `day` is a day without a time, `last` when it was before, and `on` puts a time without a day on one, which perhaps `needsDay`; `written` is a rule by which the task recurs; `remind` the reminder of the user, which perhaps has its `own` day and time, and `at` its moment if it is known. @typedef {{ start: number, end: number, text: string, fields: Partial<Task>, created?: string, day?: Date, last?: Date, isBegin?: boolean, on?: (date: Date) => Date, needsDay?: boolean, written?: import("./repeats.js").Written, remind?: Remind, own?: Token, at?: Date }} Token */
/** @typedef {{ title: string, fields: Partial<Task>, tokens: Token[], repeats: boolean, remind?: Remind }} Captured `repeats` says that a part that was not understood is due again and again */
/**
 * @typedef {object} Options
 * @property {Date} now
 * @property {Iterable<Named>} [categories]
 * @property {Iterable<Named>} [priorities] their numbers and names
 * @property {boolean} [creates] whether a name that no category has is that of a new one
 * @property {ReadonlySet<string>} [literal] parts of the text that stay in the title
 * @property {string} [language]
 * @property {string} [locale]
 */
/** A day at 00:00, or a moment if `isExact`; and the hour at which its part begins. A date without a year was also on `last`. @typedef {{ date: Date, isExact?: boolean, hour?: number, isWeekday?: boolean, last?: Date }} Day */
/** @typedef {{ pattern: RegExp, read: (groups: string[], now: Date) => Day | null }} DayRule */
/** @typedef {{ pattern: RegExp, read: (groups: string[]) => [hours: number, minutes: number] }} TimeRule */
/**
 * `parts` are parts of a day, and `hours` are times that need a day before them. A `phrase`, a `repetition` and a `range` are
 * not understood: a part of them would be wrong. `remind` asks for a reminder, `reminds` behind its time, with `self` before
 * it, and `about` is what is before its subject.
 * @typedef {{ days: DayRule[], times: TimeRule[], hours: TimeRule[], parts: TimeRule[], phrase?: RegExp, repetition: RegExp, range: RegExp, remind: RegExp, reminds: RegExp, self?: RegExp, about: RegExp }} DayGrammar
 */
/** @typedef {DayGrammar & { repeats: import("./repeats.js").Repeats }} Grammar */

/** One sign alone is more often the end of a sentence. */
const PRIORITY = new RegExp(`(?:!([1-4])|p([1-4])|!(!!?)(?!!))${END}`, "iy");
/** One word, which is no number. */
const NEW_CATEGORY = new RegExp(`#(\\p{L}[\\p{L}\\p{M}\\p{N}_-]{0,63})${END}`, "uy");
/** A time follows, so what is before it is a day. */
const BEFORE_TIME = "(?=,? (?:(?:at|um) )?(?:\\d{1,2}(?:[:.]\\d\\d|(?: ?[ap]m| ?uhr|h)\\b)|noon|midday|mittags?|morning|afternoon|evening|night|vormittags?|nachmittags?|abends?|morgens))";
const EVENING = 19;
/** Only signs follow. */
const LAST = "(?=\\s*(?:$|[,;.!?)#(]))";
const IS_LAST = new RegExp(`^${LAST}`);
/** A time that ends the text, or has only other signs after it. */
const LAST_TIME = /^(?:at|um) \d{1,2}(?=\s*(?:[!#]\S*\s*|p[1-4]\s*)*$)/i;
const IS_END = new RegExp(`^${END}`);

/**
 * Return the task that a text describes. Text that is not understood is its title.
 * @param {string} text @param {Options} options @returns {Captured}
 */
export function captured(text, { now, categories = [], priorities = [], creates = true, literal = new Set(), language = defaultLanguage, locale = defaultLocale }) {
  const grammar = grammarOf(language, locale);
  /** The last one of each kind counts. @type {Map<string, Token>} */
  const found = new Map();
  let repeats = false;
  for (let at = 0; at < text.length; ) {
    const isStart = at === 0 || /[\s(]/.test(text[at - 1]);
    const token = isStart ? (remindAt(text, at, grammar, now) ?? recurrenceAt(text, at, grammar, now) ?? repetitionAt(text, at, grammar, now) ?? dueAt(text, at, grammar, now) ?? priorityAt(text, at, priorities) ?? categoryAt(text, at, categories) ?? (creates ? newCategoryAt(text, at) : null)) : null;
    const kept = token?.fields && [...literal].find((each) => each.length > token.text.length && text.startsWith(each, at)); // with its time
    if (kept) {
      at += kept.length;
      continue;
    }
    if (token?.fields && !literal.has(token.text)) {
      const reminder = isDueToken(token) ? reminderOf(token, text, grammar, literal, found.get("remind")) : null;
      if (!reminder?.own) add(found, token);
      if (reminder) found.set("remind", reminder);
      at = Math.max(token.end, reminder?.end ?? 0);
      continue;
    }
    if (token && (token.fields ? token.written : token.repeats)) repeats = true;
    at = token ? token.end : at + 1;
  }
  const own = found.get("remind")?.own;
  if (own && !isApart(found, own)) add(found, { ...own, needsDay: false });
  if (found.has("recurrence")) begin(found, text, grammar);
  const [day, time] = [found.get("day"), found.get("time")];
  if (day?.day && time?.on) found.set("time", { ...time, fields: atMoment(time.on(day.day)) }); // with other words between them
  if (!recur(found, now)) repeats = true;
  remind(found, text, now);
  const tokens = [...found.values()].sort((a, b) => a.start - b.start);
  const reminder = found.get("remind");
  const rest = without(text, tokens);
  const title = reminder?.start === 0 ? rest.replace(grammar.about, "") : rest;
  if (!title) return { ...fitting(tidy(text)), tokens: [], repeats: repeats || found.has("recurrence") };
  const { title: fitted, fields } = fitting(title);
  return { title: fitted, fields: Object.assign(fields, ...tokens.map((token) => token.fields), found.get("time")?.fields, found.get("recurrence")?.fields), tokens, repeats, remind: reminder?.remind };
}

/** @param {Token} token */
function isDueToken({ fields, written }) {
  return "due_on" in fields || !!written;
}

/** Return the reminder with this day and time: they follow its words, or are before them. @param {Token} due @param {string} text @param {Grammar} grammar @param {ReadonlySet<string>} literal @param {Token} [reminder] the one that was found @returns {Token | null} */
function reminderOf(due, text, { reminds, self }, literal, reminder) {
  const own = due.written ? undefined : due;
  if (reminder && due.start === next(text, reminder.end)) return { ...reminder, own };
  const start = next(text, due.end);
  const words = matched(reminds, text, start);
  if (!words || literal.has(text.slice(start, words.end))) return null;
  const before = own && self?.exec(text.slice(0, due.start));
  return { ...token(text, start, words.end, {}), remind: { before: "PT0M" }, own: own && { ...own, start: before ? before.index : own.start } };
}

/** Whether the day or time of a reminder is not that of the task. @param {Map<string, Token>} found @param {Token} own */
function isApart(found, own) {
  const isTimed = found.has("moment") || (found.has("day") && found.has("time")) || !!found.get("recurrence")?.written?.time;
  return isTimed || (!own.on && found.has("day"));
}

/** Add what was found. A day and a time belong together; otherwise they replace what was found before. @param {Map<string, Token>} found @param {Token} token */
function add(found, token) {
  if (token.needsDay && !found.has("day")) return;
  if (token.remind) return void found.set("remind", token);
  if (!("due_on" in token.fields)) return void found.set(Object.keys(token.fields)[0], token);
  const kind = token.day ? "day" : token.on ? "time" : "moment";
  for (const each of kind === "moment" ? ["day", "time"] : ["moment"]) found.delete(each);
  found.set(kind, token);
}

/** Find out whether a rule begins on the day that is found. @param {Map<string, Token>} found @param {string} text @param {Grammar} grammar */
function begin(found, text, { repeats }) {
  for (const kind of ["day", "moment"]) {
    const each = found.get(kind);
    const word = each && new RegExp(`(?:^|\\s)(?:${repeats.begin})\\s$`, "i").exec(text.slice(0, each.start));
    if (word) found.set(kind, { ...each, start: word.index, isBegin: true });
  }
}

/** Find out when a task with a rule is due: as it is written, or as the rule says. @param {Map<string, Token>} found @param {Date} now @returns {boolean} whether a rule, if there is one, has a day */
function recur(found, now) {
  const repeat = found.get("recurrence");
  if (!repeat?.written) return true;
  const [day, time, moment] = ["day", "time", "moment"].map((kind) => found.get(kind));
  const { written } = repeat;
  const clock = written.time ?? (time?.on ? clockOf(time.on(now)) : null);
  /** @type {Partial<Token> | undefined} */
  const first = written.begin ? { day: written.begin.date, last: written.begin.last } : (moment ?? day);
  const isBegin = !!written.begin || !!first?.isBegin;
  const named = first && (first.day ?? new Date(String(first.fields?.due_date)));
  // A day that is nearer in the past than in the next year is that one.
  const date = isBegin && named && first.last && now.getTime() - first.last.getTime() < named.getTime() - now.getTime() ? first.last : named;
  const hours = first?.day ? clock : date && clockOf(date);
  const given = date && (hours ? atMoment(new Date(date.getFullYear(), date.getMonth(), date.getDate(), ...hours)) : onDay(dayFrom(date)));
  const fields = fieldsOf(written, clock, given ? { due_on: given.due_on ?? null, due_date: given.due_date ?? null } : null, now, isBegin);
  if (fields) found.set("recurrence", { ...repeat, fields });
  else found.delete("recurrence");
  if (time && fields) found.set("time", { ...time, fields: { due_on: fields.due_on, due_date: fields.due_date } });
  return fields !== null;
}

/** Find out when the user is reminded. What is not due, or due too soon, has no reminder. @param {Map<string, Token>} found @param {string} text @param {Date} now */
function remind(found, text, now) {
  const reminder = found.get("remind");
  if (!reminder?.remind) return;
  const { due_on = null, due_date = null } = /** @type {Partial<Task>} */ (Object.assign({}, ...[...found.values()].map(({ fields }) => fields), found.get("time")?.fields, found.get("recurrence")?.fields));
  const { own } = reminder;
  if (own && ![...found.values()].some(({ start, end }) => start === own.start && end === own.end)) {
    const due = due_date && new Date(due_date);
    const sameDay = due && own.on?.(due);
    const minutes = due && sameDay ? (due.getTime() - sameDay.getTime()) / 60_000 : 0;
    const at = sameDay && minutes > 0 ? sameDay : own.day ? atHour(own.day, MORNING) : new Date(String(own.fields.due_date));
    const [start, end] = [Math.min(own.start, reminder.start), Math.max(own.end, reminder.end)];
    if (at <= now) found.delete("remind");
    else found.set("remind", { ...token(text, start, end, {}), at, remind: at === sameDay ? { before: durationOf(minutes, "minutes") } : { at: at.toISOString() } });
    return;
  }
  const at = firing({ at: null, before: null, ...reminder.remind, fires_at: null, pending: true }, { state: "open", due_on, due_date }, now);
  if (at instanceof Date) found.set("remind", { ...reminder, at });
  else if (found.has("recurrence") && at === "passed") return; // it is for the next ones
  else if (at !== "unknown" || (String(due_on) <= dayFrom(now) && !found.has("recurrence"))) found.delete("remind");
}

/** @param {Date} date @returns {[hours: number, minutes: number]} */
function clockOf(date) {
  return [date.getHours(), date.getMinutes()];
}

/**
 * Return the names that complete the one that is being written before the caret, and where its sign is.
 * @template {Named} T @param {string} text @param {number} caret @param {Record<string, Iterable<T>>} named by their sign
 * @returns {{ start: number, sign: string, matches: T[] }}
 */
export function completions(text, caret, named) {
  const [, prefix, sign, written] = /(^|.*\s)([#!])([^#!]*)$/s.exec(text.slice(0, caret)) ?? [];
  if (written === undefined) return { start: caret, sign: "", matches: [] };
  const name = written.toLowerCase();
  const all = [...(named[sign] ?? [])].filter((each) => each.name.toLowerCase().startsWith(name));
  const isDone = all.some((each) => each.name.toLowerCase() === name);
  return { start: prefix.length, sign, matches: isDone ? [] : all.slice(0, 5) };
}

/** @param {string} text @param {Token[]} tokens in their order */
function without(text, tokens) {
  let [rest, end] = ["", 0];
  for (const token of tokens) {
    rest += `${text.slice(end, token.start)} `;
    end = token.end;
  }
  return tidy(rest + text.slice(end)).replace(/ (?=[,;.!?)]( |$))/g, "").replace(/^[,;] |[,;]$/g, "");
}

/** @param {string} text @param {number} at @param {Iterable<Named>} priorities @returns {Token | null} */
function priorityAt(text, at, priorities) {
  const match = matched(PRIORITY, text, at);
  const [number, place, signs] = match?.groups ?? []; // p1 is the first, as in other apps
  const found = match ? { id: number ?? String(signs ? 2 + signs.length : 5 - Number(place)), end: match.end } : namedAt("!", text, at, priorities);
  return found && token(text, at, found.end, { priority: /** @type {1 | 2 | 3 | 4} */ (Number(found.id)) });
}

/** @param {string} text @param {number} at @param {Iterable<Named>} categories @returns {Token | null} */
function categoryAt(text, at, categories) {
  const found = namedAt("#", text, at, categories);
  return found && token(text, at, found.end, { category: found.id });
}

/** @param {string} text @param {number} at @returns {Token | null} */
function newCategoryAt(text, at) {
  const match = matched(NEW_CATEGORY, text, at);
  return match && { ...token(text, at, match.end, { category: null }), created: match.groups[0] };
}

/** Find the longest name after a sign. @param {string} sign @param {string} text @param {number} at @param {Iterable<Named>} named */
function namedAt(sign, text, at, named) {
  if (text[at] !== sign) return null;
  const rest = text.slice(at + 1).toLowerCase();
  const isNamed = (/** @type {Named} */ { name }) => rest.startsWith(name.toLowerCase()) && IS_END.test(rest.slice(name.length));
  const [first] = [...named].filter(isNamed).sort((a, b) => b.name.length - a.name.length);
  return first ? { id: first.id, end: at + 1 + first.name.length } : null;
}

/** Read a day, a part of the day and a time, in any order. @param {string} text @param {number} at @param {Grammar} grammar @param {Date} now @returns {Token | null} */
function dueAt(text, at, { days, times, hours, parts }, now) {
  let end = at;
  /** Read what follows. @template T @param {{ pattern: RegExp, read: (groups: string[], now: Date) => T | null }[]} rules */
  const follows = (rules) => {
    const found = read(rules, text, end === at ? at : next(text, end), now);
    if (found) end = found.end;
    return found?.value;
  };
  /** @type {Day | null | undefined} */
  let day;
  /** @type {[hours: number, minutes: number] | null | undefined} */
  let time, likely, part;
  for (let last = -1; last < end; ) {
    last = end;
    day ??= follows(days);
    if (day?.isExact) return token(text, at, end, atMoment(day.date));
    if (day || time) part ??= follows(parts);
    time ??= follows(times);
    if ((day || LAST_TIME.test(text.slice(end))) && !time) likely ??= follows(hours);
  }
  time ??= likely;
  if (!day && !time) return null;
  const begin = part?.[0] ?? day?.hour;
  if (day && !time && begin === undefined) return { ...token(text, at, end, onDay(dayFrom(day.date))), day: day.date, last: day.last };
  const [hour, minutes] = time ?? [begin ?? 0, 0];
  // 8 in the evening, 2 in the night; and without more, from 1 to 6, after noon.
  const isAfternoon = begin === undefined ? likely && hour > 0 && hour < 7 : time && begin >= 12 && hour < 12;
  const later = !isAfternoon ? 0 : (begin ?? 0) >= EVENING && hour < 5 ? 24 : 12;
  const on = (/** @type {Date} */ date) => new Date(date.getFullYear(), date.getMonth(), date.getDate(), hour + later, minutes);
  let date = on(day?.date ?? now);
  if (!day && date <= now) date = on(daysAfter(now, 1));
  return { ...token(text, at, end, atMoment(date)), ...(day ? { last: day.last && on(day.last) } : { on, needsDay: !!likely }) };
}

/** Read the wish to be reminded, which begins the text, says how long before, or has its time or rule behind it. @param {string} text @param {number} at @param {Grammar} grammar @param {Date} now @returns {Token | null} */
function remindAt(text, at, grammar, now) {
  const match = matched(grammar.remind, text, at);
  const [count, unit] = match?.groups ?? [];
  const from = match && next(text, match.end);
  if (!match || !from) return null;
  const isOfOther = /\bto $/i.test(text.slice(0, at)); // "ask Bob to remind me"
  const isWish = at === 0 || count || (!isOfOther && (IS_LAST.test(text.slice(from)) || dueAt(text, from, grammar, now) || recurrenceAt(text, from, grammar, now)));
  if (!isWish) return null;
  const before = count ? durationOf(countOf(count), /^m/i.test(unit) ? "minutes" : /^[hs]/i.test(unit) ? "hours" : "days") : "PT0M";
  return { ...token(text, at, match.end, {}), remind: { before } };
}

/** Read a rule by which the task recurs. @param {string} text @param {number} at @param {Grammar} grammar @param {Date} now @returns {Token | null} */
function recurrenceAt(text, at, grammar, now) {
  // What is before it belongs to it, as in "3rd working day of every month".
  const written = /\bof $/i.test(text.slice(0, at)) ? null : repeatAt(text, at, grammar.repeats, grammar, now);
  return written && { ...token(text, at, written.end, { recurrence: null }), written };
}

/** Read what is due again and again by a rule that is not known, or from one time to another, with what belongs to it; and words that name no day. They stay text. @param {string} text @param {number} at @param {Grammar} grammar @param {Date} now @returns {{ end: number, text: string, fields?: undefined, repeats?: true } | null} */
function repetitionAt(text, at, grammar, now) {
  const due = (/** @type {number} */ from) => dueAt(text, from, grammar, now)?.end;
  const phrase = grammar.phrase && matched(grammar.phrase, text, at);
  if (phrase) return { end: phrase.end, text: "" };
  const start = due(at);
  if (start && recurrenceAt(text, next(text, start), grammar, now)) return null;
  const range = start && matched(grammar.range, text, start);
  const until = range && due(range.end);
  if (until) return { end: until, text: "" };
  const repetition = matched(grammar.repetition, text, start ? next(text, start) : at);
  if (!repetition) return null;
  return { end: due(next(text, repetition.end)) ?? repetition.end, text: "", repeats: true };
}

/** @param {string} text @param {number} start @param {number} end @param {Partial<Task>} fields @returns {Token} */
function token(text, start, end, fields) {
  return { start, end, text: text.slice(start, end), fields };
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
    const last = new Date(next - 1, month - 1, day);
    if (isReal(date) && date >= today) return { date, ...(isReal(last) && { last }) }; // 29 February is not in each year
  }
  return null;
}

/** Return the next day of the week after today, or the one in the next week. @param {Date} now @param {number} weekday 0 is Sunday @param {boolean} isNextWeek @returns {Day} */
function weekdayAfter(now, weekday, isNextWeek) {
  const fromMonday = (/** @type {number} */ each) => (each + 6) % 7;
  const days = fromMonday(weekday) - fromMonday(now.getDay());
  return { date: daysAfter(now, isNextWeek || days <= 0 ? days + 7 : days), isWeekday: true };
}

/** Return Saturday, or today on a weekend. @param {Date} now @param {boolean} isNext @returns {Day} */
function weekend(now, isNext) {
  return !isNext && [0, 6].includes(now.getDay()) ? { date: now } : weekdayAfter(now, 6, isNext);
}

/** Return the last day of the month. @param {Date} now @returns {Day} */
function endOfMonth(now) {
  return { date: new Date(now.getFullYear(), now.getMonth() + 1, 0) };
}

/** Return the next day with this number, which not each month has. @param {Date} now @param {number} day @returns {Day | null} */
function dayOfMonth(now, day) {
  for (let month = now.getMonth(); month <= now.getMonth() + 2; month++) {
    const date = new Date(now.getFullYear(), month, day);
    if (date.getDate() === day && date >= daysAfter(now, 0)) return { date };
  }
  return null;
}

/** Return a time with words, which are numbers. @param {string[]} groups @returns {[number, number]} */
function timeFrom([hours, minutes, others]) {
  return [Number(hours), Number(minutes ?? others ?? 0)];
}

/** A rule for words that stand for an hour. @param {string} pattern @param {number} hour @returns {TimeRule} */
function hourRule(pattern, hour) {
  return rule(pattern, () => [hour, 0]);
}

/** Return the number that is meant by "two", "2" or "a". @param {string} count */
function countOf(count) {
  return Number(count) || numberOf(NUMBERS, count) + 2 || 1;
}

/** @param {Date} now @param {string} count @param {string} unit a word that begins like one of the units @returns {Day} */
function after(now, count, unit) {
  const number = countOf(count);
  if (/^(min|h|std|stu)/.test(unit)) return { date: new Date(now.getTime() + number * (unit.startsWith("min") ? 60_000 : 3_600_000)), isExact: true };
  if (/^[dt]/.test(unit)) return { date: daysAfter(now, number) };
  if (unit.startsWith("w")) return { date: daysAfter(now, 7 * number) };
  const months = unit.startsWith("mo") ? number : 12 * number;
  const last = new Date(now.getFullYear(), now.getMonth() + months + 1, 0); // of that month
  return { date: new Date(last.getFullYear(), last.getMonth(), Math.min(now.getDate(), last.getDate())) };
}

// ------------------------------------------------------------------- grammars

/** @type {Map<string, Grammar>} */
const grammars = new Map();

/** @param {string} language @param {string} locale @returns {Grammar} */
function grammarOf(language, locale) {
  let grammar = grammars.get(locale);
  if (!grammar) grammars.set(locale, (grammar = { ...(language === "de" ? german() : english(locale)), repeats: repeatsOf(language) }));
  return grammar;
}

/** @returns {DayRule} */
function isoDate() {
  return rule("(\\d{4})-(\\d{2})-(\\d{2})", ([year, month, day], now) => dateOf(now, Number(month), Number(day), Number(year)));
}

/** @param {string} locale @returns {DayGrammar} */
function english(locale) {
  const months = MONTHS.en;
  const [month, weekday, short] = [months.join("|"), WEEKDAYS.en.join("|"), SHORT_WEEKDAYS.en.join("|")];
  const parts = new Intl.DateTimeFormat(locale).formatToParts();
  const isMonthFirst = parts.findIndex(({ type }) => type === "month") < parts.findIndex(({ type }) => type === "day");
  const withWord = "(?:on|by|due|until|till) ";
  const on = `(?:${withWord})?`;
  /** @type {(first: string, second: string, year: string, now: Date) => Day | null} */
  const slashed = (first, second, year, now) => dateOf(now, Number(isMonthFirst ? first : second), Number(isMonthFirst ? second : first), Number(year));
  const unit = `(?:weekday|workday|weekend|day|week|month|quarter|year|morning|afternoon|evening|night|hour|minute|${weekday}|${short})s?`;
  return {
    days: [
      isoDate(),
      rule(`${on}today|(?:by )?(?:eod|end of (?:the )?day)`, (_, now) => ({ date: now })),
      rule("tonight|this evening", (_, now) => ({ date: now, hour: EVENING })),
      rule("this afternoon", (_, now) => ({ date: now, hour: 15 })),
      rule("this morning", (_, now) => ({ date: now, hour: 9 })),
      rule(`${on}(?:the )?day after tomorrow`, (_, now) => ({ date: daysAfter(now, 2) })),
      rule(`${on}(?:tomorrow|tmr)`, (_, now) => ({ date: daysAfter(now, 1) })),
      rule(`${on}(${weekday}) next week|${on}next week,? (?:on )?(${weekday})`, ([name, other], now) => weekdayAfter(now, numberOf(WEEKDAYS.en, name ?? other), true)),
      rule(`${on}(?:this )?(next )?(${weekday})`, ([next, name], now) => weekdayAfter(now, numberOf(WEEKDAYS.en, name), !!next)),
      rule(`(?:${withWord})?(next )(${short})|${withWord}(${short})|(${short})${BEFORE_TIME}`, ([next, name, other, alone], now) => weekdayAfter(now, numberOf(SHORT_WEEKDAYS.en, name ?? other ?? alone), !!next)),
      rule("next week", (_, now) => weekdayAfter(now, 1, true)),
      rule(`(?:${on}(?:this|(next))|(?:on|at|by|until|till)(?: the)?) weekend`, ([next], now) => weekend(now, !!next)),
      rule("(?:(?:at|by|on) )?(?:the )?end of (?:the |this )?month", (_, now) => endOfMonth(now)),
      rule(`in (${COUNT}|an?|one) (min|minutes?|h|hours?|days?|weeks?|months?|years?)`, ([count, unit], now) => after(now, count, unit.toLowerCase())),
      rule(`${on}(?:the )?(\\d{1,2})(?:st|nd|rd|th)?(?: of)? (${month})(?:,? (\\d{4}))?`, ([day, name, year], now) => dateOf(now, numberOf(months, name) + 1, Number(day), Number(year))),
      rule(`${on}(${month}) (\\d{1,2})(?:st|nd|rd|th)?(?:,? (\\d{4}))?`, ([name, day, year], now) => dateOf(now, numberOf(months, name) + 1, Number(day), Number(year))),
      rule(`${withWord}(?:the )?(\\d{1,2})(?:st|nd|rd|th)${ALONE}`, ([day], now) => dayOfMonth(now, Number(day))),
      // Without a year or a word, 1/2 is more often a half.
      rule(`${on}(\\d{1,2})/(\\d{1,2})/(\\d{4})`, ([first, second, year], now) => slashed(first, second, year, now)),
      rule(`${withWord}(\\d{1,2})/(\\d{1,2})`, ([first, second], now) => slashed(first, second, "", now)),
      rule(`(\\d{1,2})/(\\d{1,2})${BEFORE_TIME}`, ([first, second], now) => slashed(first, second, "", now)),
      // So is 3.4. a chapter.
      rule(`${on}(\\d{1,2})\\.(\\d{1,2})\\.(\\d{4})`, ([day, number, year], now) => dateOf(now, Number(number), Number(day), Number(year))),
      rule(`${withWord}(\\d{1,2})\\.(\\d{1,2})\\.|(\\d\\d)\\.(\\d\\d)\\.`, ([day, number, other, month], now) => dateOf(now, Number(number ?? month), Number(day ?? other))),
    ],
    times: [
      rule("(?:at )?(0?[1-9]|1[0-2])(?::([0-5]\\d))? ?(am|pm)", ([hours, minutes, half]) => [(Number(hours) % 12) + (half.toLowerCase() === "pm" ? 12 : 0), Number(minutes ?? 0)]),
      rule("(?:at )?([01]?\\d|2[0-3]):([0-5]\\d)", timeFrom),
      rule("(?:at )?([01]?\\d|2[0-3])(?:\\.([0-5]\\d))? ?uhr", timeFrom),
      rule("at ([01]?\\d|2[0-3])(?= (?:in the (?:morning|afternoon|evening)|at night|tonight))", timeFrom),
      hourRule("at (?:12 )?(?:noon|midday)", 12),
      hourRule("at midnight", 24),
    ],
    hours: [rule("(?:at )?(0?[7-9]|1\\d|2[0-3])h([0-5]\\d)?", timeFrom), rule("at ([01]?\\d|2[0-3])(?![.:,]\\d)", timeFrom)],
    parts: [hourRule("(?:in the )?morning", 9), hourRule("noon|midday", 12), hourRule("midnight", 24), hourRule("(?:in the )?afternoon", 15), hourRule("(?:in the )?evening|(?:at )?night", EVENING)],
    repetition: rule(`(?:every|each)(?: (?:other|single|first|second|third|last|${COUNT}|\\d{1,2}(?:st|nd|rd|th)))? ${unit}(?:(?:,|,? (?:and|or|&)) ${unit})*|(?:${short}) (?:to|until|till|-|–) (?:${short})|daily|weekly|monthly|yearly|(?:(?:on|at) )?(?:weekday|weekend|workday|${weekday})s(?:(?:,|,? (?:and|or|&)) (?:${weekday})s)*`, null).pattern,
    range: /(?:,? (?:to|until|till|-|–) | ?– ?)/iy,
    remind: rule(`remind me(?: (${COUNT}|an?|one|the) (min|minutes?|h|hours?|days?) (?:before|earlier))?`, null).pattern,
    reminds: rule(`(?:and )?remind me${LAST}`, null).pattern,
    about: /^(?:to|about|of|that) /i,
  };
}

/** @returns {DayGrammar} */
function german() {
  const months = MONTHS.de;
  const weekdays = WEEKDAYS.de.map((name) => (name === "samstag" ? "samstag|sonnabend" : name));
  const [month, weekday, short] = [months.join("|"), weekdays.join("|"), SHORT_WEEKDAYS.de.join("|")];
  const on = "(?:(?:am|bis|bis zum|zum) )?";
  const next = "(nächste[nrsm]? )";
  const unit = `(?:tage?[ns]?|woche|wochen|monate?|jahre?|stunden?|minuten?|morgen|vormittag|mittag|nachmittag|abend|nacht|werktag|arbeitstag|wochenende|${weekday}|${short})`;
  /** @type {[words: string, hour: number][]} */
  const named = [["morgens?|früh|vormittags?", 9], ["mittags?", 12], ["nachmittags?", 15], ["abends?", EVENING], ["nachts?", 22]];
  const partOfWeekday = named.map(([words, hour]) => {
    /** @type {DayRule["read"]} */
    const readPart = ([isNext, name], now) => ({ ...weekdayAfter(now, numberOf(weekdays, name), !!isNext), hour });
    return rule(`${on}${next}?(${weekday})(?:${words})`, readPart);
  });
  return {
    days: [
      isoDate(),
      rule("(?:bis )?heute", (_, now) => ({ date: now })),
      rule("(?:bis )?übermorgen", (_, now) => ({ date: daysAfter(now, 2) })),
      rule("(?:bis )?morgen", (_, now) => ({ date: daysAfter(now, 1) })),
      rule(`${on}(${weekday}) nächste[rn]? woche|nächste woche,? (?:am )?(${weekday})`, ([name, other], now) => weekdayAfter(now, numberOf(weekdays, name ?? other), true)),
      rule(`${on}(?:diese[nrsm]? )?${next}?(${weekday})`, ([isNext, name], now) => weekdayAfter(now, numberOf(weekdays, name), !!isNext)),
      ...partOfWeekday,
      rule(`(?:am |bis )?${next}(${short})|(?:am|bis) (${short})|(${short})\\.?${BEFORE_TIME}`, ([isNext, name, other, alone], now) => weekdayAfter(now, numberOf(SHORT_WEEKDAYS.de, name ?? other ?? alone), !!isNext)),
      rule("nächste[rn]? woche", (_, now) => weekdayAfter(now, 1, true)),
      rule(`(?:(?:am|bis zum) |(?:bis )?diese[sm] |(?:am |bis )?${next})wochenende`, ([isNext], now) => weekend(now, !!isNext)),
      rule("(?:(?:am|bis|bis zum|zum) )?(?:monatsende|ende (?:des|dieses) monats)", (_, now) => endOfMonth(now)),
      rule(`in (${COUNT}|eine[rmn]?) (min|minuten?|h|std|stunden?|tag(?:en?)?|wochen?|monat(?:en?)?|jahr(?:en?)?)`, ([count, unit], now) => after(now, count, unit.toLowerCase())),
      rule(`${on}(\\d{1,2})\\. ?(${month})\\.?(?: (\\d{4}))?`, ([day, name, year], now) => dateOf(now, numberOf(months, name) + 1, Number(day), Number(year))),
      rule(`${on}(\\d{1,2})\\.(\\d{1,2})\\.(\\d{4})?`, ([day, number, year], now) => dateOf(now, Number(number), Number(day), Number(year))),
      rule(`(?:am|bis|bis zum|zum) (\\d{1,2})\\.${ALONE}`, ([day], now) => dayOfMonth(now, Number(day))),
    ],
    times: [
      rule("(?:um )?([01]?\\d|2[0-3]):([0-5]\\d)(?: ?uhr)?", timeFrom),
      rule("(?:um )?([01]?\\d|2[0-3])(?:\\.([0-5]\\d))? ?uhr(?: ([0-5]\\d))?", timeFrom),
      rule("um ([01]?\\d|2[0-3])(?= (?:morgens|früh|vormittags|mittags|nachmittags|abends|nachts|heute (?:früh|abend|nacht)))", timeFrom),
      hourRule("mittags|zu mittag", 12),
      hourRule("um mitternacht", 24),
    ],
    hours: [rule("(?:um )?(0?[7-9]|1\\d|2[0-3])h([0-5]\\d)?", timeFrom), rule("um ([01]?\\d|2[0-3])(?![.:,]\\d)", timeFrom)],
    parts: named.map(([words, hour]) => hourRule(`(?:am |in der |zu )?(?:${words})`, hour)),
    phrase: rule("(?:guten|schönen|am|de[rnms]|diese[nrm]|eines?) morgens?", null).pattern,
    repetition: rule(`(?:jede[nrsm]?|alle)(?: (?:(?:erste|zweite|dritte|letzte)[nrsm]?|${COUNT}|\\d{1,2}\\.))? ${unit}(?:(?:,|,? (?:und|oder|&)) (?:jede[nrsm]? )?${unit})*|(?:${short}) (?:bis|-|–) (?:${short})|täglich|wöchentlich|monatlich|jährlich|werktags|wochentags|(?:${weekday})s(?:(?:,|,? (?:und|oder|&)) (?:${weekday})s)*`, null).pattern,
    range: /(?:,? (?:bis|-|–) | ?– ?)/iy,
    remind: rule(`erinner[en]? mich(?: (${COUNT}|eine?[nm]?|am) (min|minuten?|h|std|stunden?|tage?) (?:vorher|davor))?`, null).pattern,
    reminds: rule(`(?:(?:mich )?(?:dar?an )?erinnern|(?:und )?erinner[en]? mich)${LAST}`, null).pattern,
    self: /\bmich\s$/i,
    about: /^(?:daran,?|an|dass) /i,
  };
}
