// Tasks that are written in one line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { captured, completions, linesOf, unknownCategory } from "../../src/tasktracker_web/capture.js";

const CATEGORIES = ["Home", "Home office", "Über uns"].map((name) => ({ id: name, name }));

/** Return what is understood: the title, then the due day, or the due date in local time, the priority and the category, if there are any. @param {string} text @param {{ zone?: string, now?: string, locale?: string, literal?: string[] }} [options] */
function understood(text, { zone = "UTC", now = "2026-11-25T10:00", locale = "en-GB", literal = [] } = {}) {
  process.env.TZ = zone;
  const language = locale.slice(0, 2);
  const { title, fields } = captured(text, { now: new Date(now), categories: CATEGORIES, literal: new Set(literal), language, locale });
  const { due_on, due_date, priority, category } = fields;
  assert.ok(!due_on || !due_date);
  const due = due_on ?? (due_date && new Date(new Date(due_date).getTime() - new Date(due_date).getTimezoneOffset() * 60_000).toISOString().slice(0, 16));
  return [title, due?.replace("T", " "), priority && `!${priority}`, category].filter((each) => each !== undefined && each !== null);
}

// 2026-11-25 is a Wednesday.
/** @type {[text: string, expected: string[], options?: Parameters<typeof understood>[1]][]} */
const CASES = [
  ["Buy milk", ["Buy milk"]],
  ["Buy milk today", ["Buy milk", "2026-11-25"]],
  ["Buy milk tomorrow", ["Buy milk", "2026-11-26"]],
  ["Tomorrow: milk", ["Tomorrow: milk"]],
  ["tomorrow milk", ["milk", "2026-11-26"]],
  ["Buy milk tomorrow 17:00 !4 #home", ["Buy milk", "2026-11-26 17:00", "!4", "Home"]],
  ["#home office !1 call Bob at 5pm tomorrow", ["call Bob", "2026-11-26 17:00", "!1", "Home office"]],
  ["#homes !5 !44 a!3 b#home", ["#homes !5 !44 a!3 b#home"]],
  ["#garden rake", ["#garden rake"]],
  ["Call Bob on monday, 9:30am.", ["Call Bob.", "2026-11-30 09:30"]],
  ["Call Bob friday", ["Call Bob", "2026-11-27"]],
  ["Call Bob wednesday", ["Call Bob", "2026-12-02"]],
  ["Call Bob next friday", ["Call Bob", "2026-12-04"]],
  ["Call Bob next week", ["Call Bob", "2026-11-30"]],
  ["Buy sun cream", ["Buy sun cream"]],
  ["Buy cream on sun", ["Buy cream", "2026-11-29"]],
  ["Buy cream by next sat 8am", ["Buy cream", "2026-12-05 08:00"]],
  ["Pay at 9:00", ["Pay", "2026-11-26 09:00"]],
  ["Pay at 12am", ["Pay", "2026-11-26 00:00"]],
  ["Pay at 12:15 pm", ["Pay", "2026-11-25 12:15"]],
  ["Pay at 25:00 or 13pm", ["Pay at 25:00 or 13pm"]],
  ["Meet at 11:00 tomorrow", ["Meet", "2026-11-26 11:00"]],
  ["Meet in 3 days", ["Meet", "2026-11-28"]],
  ["Meet in a week 8:00", ["Meet", "2026-12-02 08:00"]],
  ["Meet in 2 hours", ["Meet", "2026-11-25 12:00"]],
  ["Meet in 45 minutes", ["Meet", "2026-11-25 10:45"]],
  ["Meet in 1 month", ["Meet", "2027-02-28"], { now: "2027-01-31T10:00" }],
  ["Meet in 1 year", ["Meet", "2029-02-28"], { now: "2028-02-29T10:00" }],
  ["Meet in town", ["Meet in town"]],
  ["Wrap 24 dec", ["Wrap", "2026-12-24"]],
  ["Wrap Dec 24th", ["Wrap", "2026-12-24"]],
  ["Wrap the 24th of December, 2030 10:00", ["Wrap the", "2030-12-24 10:00"]],
  ["Plan 24 nov", ["Plan", "2027-11-24"]],
  ["Plan 25 nov", ["Plan", "2026-11-25"]],
  ["Plan feb 29", ["Plan", "2028-02-29"]],
  ["Plan feb 30", ["Plan feb 30"]],
  ["Plan 29 feb 2027", ["Plan 29 feb 2027"]],
  ["Plan 2027-03-01 7:05", ["Plan", "2027-03-01 07:05"]],
  ["Plan 2027-02-31", ["Plan 2027-02-31"]],
  ["Plan 3/4/2027", ["Plan", "2027-04-03"]],
  ["Plan 3/4/2027", ["Plan", "2027-03-04"], { locale: "en-US" }],
  ["Plan by 12/24", ["Plan", "2026-12-24"], { locale: "en-US" }],
  ["Add 1/2 cup, support 24/7", ["Add 1/2 cup, support 24/7"]],
  ["Dentist 12/24 9:30am", ["Dentist", "2026-12-24 09:30"], { locale: "en-US" }],
  ["Call fri 5pm", ["Call", "2026-11-27 17:00"]],
  ["Sat 10:15 run", ["run", "2026-11-28 10:15"]],
  ["He sat 3 exams", ["He sat 3 exams"]],
  ["See you may 5", ["See you", "2027-05-05"]],
  ["You may call", ["You may call"]],
  ["Plan monday meeting tomorrow", ["Plan monday meeting", "2026-11-26"]],
  ["Plan monday meeting tomorrow", ["Plan meeting tomorrow", "2026-11-30"], { literal: ["tomorrow"] }],
  ["Read “Tomorrow 17:00” !2", ["Read “Tomorrow 17:00”", "!2"], { literal: ["17:00"] }],
  ["today", ["today"]],
  ["!4 #home", ["!4 #home"]],
  ["Morgen", ["Morgen"], { locale: "de-AT" }],
  ["Milch morgen 17:00 !4 #über uns", ["Milch", "2026-11-26 17:00", "!4", "Über uns"], { locale: "de-AT" }],
  ["Milch übermorgen um 7:15 Uhr", ["Milch", "2026-11-27 07:15"], { locale: "de-DE" }],
  ["Milch heute 17 Uhr 30", ["Milch", "2026-11-25 17:30"], { locale: "de-DE" }],
  ["um 9.15 Uhr Milch", ["Milch", "2026-11-26 09:15"], { locale: "de-DE" }],
  ["Milch bis Montag", ["Milch", "2026-11-30"], { locale: "de-DE" }],
  ["Milch nächsten Freitag", ["Milch", "2026-12-04"], { locale: "de-DE" }],
  ["So geht es, do it, am Di", ["So geht es, do it", "2026-12-01"], { locale: "de-DE" }],
  ["Anruf fr 17:00", ["Anruf", "2026-11-27 17:00"], { locale: "de-DE" }],
  ["Mo um 9 Uhr Zahnarzt", ["Zahnarzt", "2026-11-30 09:00"], { locale: "de-DE" }],
  ["Do 3 Aufgaben", ["Do 3 Aufgaben"], { locale: "de-DE" }],
  ["Baum am 24.12.", ["Baum", "2026-12-24"], { locale: "de-DE" }],
  ["Baum 24.12.2027 18:00", ["Baum", "2027-12-24 18:00"], { locale: "de-DE" }],
  ["Baum 6. Jänner", ["Baum", "2027-01-06"], { locale: "de-AT" }],
  ["Baum 3. Okt. 2027", ["Baum", "2027-10-03"], { locale: "de-DE" }],
  ["Version 1.2 am 31.2.", ["Version 1.2 am 31.2."], { locale: "de-DE" }],
  ["Zahnarzt in zwei Wochen", ["Zahnarzt in zwei Wochen"], { locale: "de-DE" }],
  ["Zahnarzt in 2 Wochen", ["Zahnarzt", "2026-12-09"], { locale: "de-DE" }],
  ["Zahnarzt in einem Monat", ["Zahnarzt", "2026-12-25"], { locale: "de-DE" }],
  ["Zahnarzt in 3 Stunden", ["Zahnarzt", "2026-11-25 13:00"], { locale: "de-DE" }],
  ["Zahnarzt in 3 Tagen", ["Zahnarzt", "2026-11-28"], { locale: "de-DE" }],
  ["Call tomorrow", ["Call tomorrow"], { locale: "de-DE" }],
  ["Tea tomorrow 9:00 today", ["Tea tomorrow 9:00", "2026-11-25"], { literal: ["tomorrow 9:00"] }],
  ["Call today, or tomorrow 9:00", ["Call today, or", "2026-11-26 09:00"]],
  ["Call tomorrow 9:00, or today", ["Call tomorrow 9:00, or", "2026-11-25"]],
  // The end of the year.
  ["Toast tomorrow", ["Toast", "2027-01-01"], { now: "2026-12-31T22:00" }],
  ["Toast at 9:00", ["Toast", "2027-01-01 09:00"], { now: "2026-12-31T22:00" }],
  ["Toast friday", ["Toast", "2027-01-01"], { now: "2026-12-31T22:00" }],
  ["Toast jan 5", ["Toast", "2027-01-05"], { now: "2026-12-31T22:00" }],
  ["Toast 31 dec", ["Toast", "2026-12-31"], { now: "2026-12-31T22:00" }],
  // Clocks change: the day has 23 or 25 hours, and a time may not exist, or exist twice.
  ["Run tomorrow 8:00", ["Run", "2027-03-28 08:00"], { zone: "Europe/Vienna", now: "2027-03-27T12:00" }],
  ["Run tomorrow 2:30", ["Run", "2027-03-28 03:30"], { zone: "Europe/Vienna", now: "2027-03-27T12:00" }],
  ["Run in 7 days", ["Run", "2027-11-03"], { zone: "Europe/Vienna", now: "2027-10-27T00:30" }],
  ["Run in 1 hour", ["Run", "2027-03-28 03:30"], { zone: "Europe/Vienna", now: "2027-03-28T01:30" }],
  ["Run tomorrow", ["Run", "2026-10-04"], { zone: "Australia/Lord_Howe", now: "2026-10-03T23:50" }],
  ["Run tomorrow 0:00", ["Run", "2026-11-26 00:00"], { zone: "Pacific/Kiritimati" }],
  ["Run tomorrow 6:00", ["Run", "2026-11-26 06:00"], { zone: "America/St_Johns" }],
];

for (const [text, expected, options] of CASES) {
  test(`“${text}”${options ? ` with ${JSON.stringify(options)}` : ""}`, () => assert.deepEqual(understood(text, options), expected));
}

test("a part of the text that was understood is where it says", () => {
  const text = "a tomorrow 17:00 b #home !3";
  const { tokens } = captured(text, { now: new Date(), categories: CATEGORIES, language: "en", locale: "en-GB" });
  assert.deepEqual(tokens.map(({ start, end }) => text.slice(start, end)), ["tomorrow 17:00", "#home", "!3"]);
});

test("a text that is too long for a title is also in the notes", () => {
  const text = "x".repeat(300);
  const { title, fields } = captured(text, { now: new Date(), language: "en", locale: "en" });
  assert.deepEqual([title.length, fields.description], [200, text]);
});

test("a text that is too long is not cut inside a character, which the server would refuse", () => {
  for (const text of [`x${"👩".repeat(150)}`, "👩".repeat(6000), `x${"👩".repeat(6000)}`]) {
    const { title, fields } = captured(text, { now: new Date(), language: "en", locale: "en" });
    assert.ok(title.length <= 200 && title.endsWith("👩…"));
    assert.ok(String(fields.description).length <= 10_000 && String(fields.description).endsWith("👩"));
  }
});

test("a name after # that no category has is known as such", () => {
  const unknown = (/** @type {string} */ text) => {
    const { tokens } = captured(text, { now: new Date(), categories: CATEGORIES, language: "en", locale: "en-GB" });
    return unknownCategory(text, tokens);
  };
  assert.deepEqual(["milk #Shop today", "#Ödland", "milk #home", "fix #12", "C# or F#x", "milk #"].map(unknown), ["Shop", "Ödland", "", "", "", ""]);
});

test("each line of a list is a task", () => {
  assert.deepEqual(linesOf("- [ ] milk\r\n\n* bread\n  • 2 eggs\n[x] done\n-5 degrees\n"), ["milk", "bread", "2 eggs", "done", "-5 degrees"]);
});

test("names of categories are completed where they are written", () => {
  const at = (/** @type {string} */ text) => completions(text, text.length, CATEGORIES).matches.map(({ name }) => name);
  assert.deepEqual(at("milk #"), ["Home", "Home office", "Über uns"]);
  assert.deepEqual(at("milk #HO"), ["Home", "Home office"]);
  assert.deepEqual(at("#home o"), ["Home office"]);
  assert.deepEqual(at("#home"), []);
  assert.deepEqual(at("C#"), []);
  assert.deepEqual(at("milk"), []);
  assert.equal(completions("milk #ho more", 8, CATEGORIES).start, 5);
});
