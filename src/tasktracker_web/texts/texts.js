// The texts and the forms of times in the language of the user.

import { texts as en } from "./en.js";

/** The languages by their own names. */
export const LANGUAGES = { en: "English", de: "Deutsch" };
/** The language that was chosen on this device, in localStorage. */
const CHOSEN = "tasktracker:language";
/** The language of the account that this device has seen last, and the one that it follows, in localStorage. */
const SEEN = "tasktracker:language-of-account";
const FOLLOWED = "tasktracker:language-followed";
const kept = [CHOSEN, FOLLOWED].map((name) => globalThis.localStorage?.getItem(name) ?? []);
const preferred = [...kept, globalThis.navigator?.languages ?? ["en"]].flat();

/** Show the app in a language. @param {string} chosen */
export function speak(chosen) {
  localStorage.setItem(CHOSEN, chosen);
  location.reload();
}

/**
 * Follow the language of the account, which was perhaps changed on another device. A language that was chosen on this
 * device stays, and so does that of the browser while the account has the one that new accounts have.
 * @param {string} seen
 */
export function followLanguage(seen) {
  const before = localStorage.getItem(SEEN);
  localStorage.setItem(SEEN, seen);
  const isNews = before === null ? seen !== "en" : seen !== before;
  if (!isNews || seen === language || !(seen in LANGUAGES) || localStorage.getItem(CHOSEN)) return;
  localStorage.setItem(FOLLOWED, seen);
  location.reload();
}

/** Forget the language of the account: the next user of this device has another one. */
export function forgetLanguage() {
  for (const name of [SEEN, FOLLOWED]) localStorage.removeItem(name);
}

/** The first language of the user that there is. */
export const language = preferred.map((tag) => tag.split("-")[0]).find((tag) => tag in LANGUAGES) ?? "en";
const own = globalThis.navigator?.languages ?? [];
const region = own.map((tag) => new Intl.Locale(tag).region).find(Boolean);
/** The user's own form of it, such as `en-GB`, for dates and numbers: that of the browser, or that of its region. */
export const locale = own.find((tag) => tag.split("-")[0] === language) ?? (region ? `${language}-${region}` : language);

/** Return the texts in that language. @param {string} part a folder beside this file, with a slash after it, or empty @returns {Promise<Record<string, string>>} */
async function read(part) {
  return (await import(`./${part}${language}.js`)).texts;
}

/** The first view is read at once in English; another language costs a round trip, once. */
const catalogue = language === "en" ? en : await read("");

/** Add the texts of a part of the app that is loaded on demand. @param {string} part a folder beside this file */
export async function addTexts(part) {
  Object.assign(catalogue, await read(`${part}/`));
}

/** What the server says, which is in English, as patterns with their texts in the language of the user. @type {[said: RegExp, text: string][]} */
let said = [];

/** Add what the server says. It says it in English. */
export async function addServerTexts() {
  if (language === "en" || said.length > 0) return;
  /** @type {Record<string, string>} */
  const texts = (await import(`./server/${language}.js`)).texts;
  const pattern = (/** @type {string} */ key) => key.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replaceAll("{}", "(.+)");
  // The longest first: it is the most special.
  const keys = Object.keys(texts).sort((a, b) => b.length - a.length);
  said = keys.map((key) => [new RegExp(`^${pattern(key)}$`, "s"), texts[key]]);
}

/** Return what the server says, in the language of the user if it is known there. @param {string} text a kind of problem, or the server's words @param {string} [other] what to return otherwise */
export function fromServer(text, other = text) {
  for (const [pattern, found] of said) {
    const parts = pattern.exec(text);
    let next = 1;
    if (parts) return found.replace(/\{(\d?)\}/g, (_, number) => parts[Number(number) || next++]);
  }
  return other;
}

/** Whether there is a text. @param {string} key */
export function has(key) {
  return key in catalogue;
}

/** Return the keys of texts that begin like this. @param {string} start */
export function keysOf(start) {
  return Object.keys(catalogue).filter((key) => key.startsWith(start));
}

const number = new Intl.NumberFormat(locale);
const plural = new Intl.PluralRules(locale);

/** Return a text, with its placeholders filled in; the one for a count of one, if there is one. @param {string} key @param {Record<string, string | number>} [values] */
export function t(key, values = {}) {
  const form = "count" in values ? `${key}_${plural.select(Number(values.count))}` : key;
  const text = catalogue[form] ?? catalogue[key];
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number.format(value) : value;
  });
}

const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short" });
const year = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const DAY = 24 * 60 * 60 * 1000;

/** @param {number} value */
export function numberOf(value) {
  return number.format(value);
}

/** @param {number | Date} moment */
export function timeOf(moment) {
  return clock.format(moment);
}

/** Return the beginning of a day in the time zone of the browser. @param {Date} date @param {number} [days] later */
export function startOfDay(date, days = 0) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
}

/** Return the last minute of a day in the time zone of the browser. @param {Date} date @param {number} [days] later */
export function endOfDay(date, days = 0) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days, 23, 59);
}

/** Return the day of a moment in the time zone of the browser, as in 2027-03-01. @param {Date} date */
export function dayFrom(date) {
  const [year, month, day] = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(String);
  return `${year.padStart(4, "0")}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
}

/** Return the beginning of a day in the time zone of the browser. @param {string} day as in 2027-03-01 */
export function dateFrom(day) {
  const [year, month, date] = day.split("-").map(Number);
  const found = new Date(2000, month - 1, date);
  found.setFullYear(year, month - 1, date); // the constructor takes the years before 100 for those after 1900
  return found;
}

/** Return when a task is due as people say it. @param {{ due_on?: string | null, due_date: string | null }} task @param {Date} now @param {Intl.DateTimeFormat} [other] for days of another year */
export function dueText({ due_on, due_date }, now, other = year) {
  if (!due_on) return due_date ? dayAndTime(new Date(due_date), now, other) : "";
  const date = dateFrom(due_on);
  const near = { "-1": "due.day.yesterday", 0: "due.day.today", 1: "due.day.tomorrow" }[daysBetween(now, date)];
  return near ? t(near) : (date.getFullYear() === now.getFullYear() ? weekday : other).format(date);
}

/** Return when a task is due, for a place within a sentence. @param {Parameters<typeof dueText>[0]} due @param {Date} now */
export function dueWithin(due, now) {
  const text = dueText(due, now);
  return ["today", "tomorrow", "yesterday"].some((day) => text.startsWith(t(`due.day.${day}`))) ? text[0].toLowerCase() + text.slice(1) : text;
}

/** @param {Date} from @param {Date} to */
function daysBetween(from, to) {
  return Math.round((startOfDay(to).getTime() - startOfDay(from).getTime()) / DAY);
}

/** Return a day after today as people say it. @param {Date} date @param {Date} now */
export function dayOf(date, now) {
  const day = (date.getFullYear() === now.getFullYear() ? weekday : year).format(date);
  return startOfDay(date).getTime() === startOfDay(now, 1).getTime() ? t("day.tomorrow", { day }) : day;
}

/** Return a moment as people say it. @param {Date} date @param {Date} now @param {Intl.DateTimeFormat} [other] */
export function dayAndTime(date, now, other = year) {
  const time = timeOf(date);
  const near = { "-1": "due.yesterday", 0: "due.today", 1: "due.tomorrow" }[daysBetween(now, date)];
  if (near) return t(near, { time });
  return `${(date.getFullYear() === now.getFullYear() ? weekday : other).format(date)}, ${time}`;
}
