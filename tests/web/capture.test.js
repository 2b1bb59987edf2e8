// Tasks that are written in one line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { captured, completions } from "../../src/tasktracker_web/capture.js";
import { linesOf } from "../../src/tasktracker_web/lines.js";
import { NEAR, REPEATS } from "./repeats.js";

const PRIORITIES = {
  en: ["Low", "Normal", "High", "Urgent"].map((name, index) => ({ id: String(index + 1), name })),
  de: ["Niedrig", "Normal", "Hoch", "Dringend"].map((name, index) => ({ id: String(index + 1), name })),
};
const CATEGORIES = ["Home", "Home office", "Über uns"].map((name) => ({ id: name, name }));

/** Return what is understood: the title, then the due day, or the due date in local time, the priority and the category, if there are any. @param {string} text @param {{ zone?: string, now?: string, locale?: string, literal?: string[] }} [options] */
function understood(text, { zone = "UTC", now = "2026-11-25T10:00", locale = "en-GB", literal = [] } = {}) {
  process.env.TZ = zone;
  const language = /** @type {"en" | "de"} */ (locale.slice(0, 2));
  const { title, fields } = captured(text, { now: new Date(now), categories: CATEGORIES, priorities: PRIORITIES[language], literal: new Set(literal), language, locale });
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
  ["#home !5 !44 a!3 b#home", ["!5 !44 a!3 b#home", "Home"]],
  ["#garden rake", ["rake"]],
  ["rake !Urgent", ["rake", "!4"]],
  ["rake !low, then rest", ["rake, then rest", "!1"]],
  ["rake !highest p5 p12 up1 !!!!", ["rake !highest p5 p12 up1 !!!!"]],
  ["rake !!! tomorrow", ["rake", "2026-11-26", "!4"]],
  ["!! rake", ["rake", "!3"]],
  ["Hurray ! Really!! Yes!!!", ["Hurray! Really!! Yes!!!"]],
  ["!!!", ["!!!"]],
  ["rake !!", ["rake !!"], { literal: ["!!"] }],
  ["rake p1", ["rake", "!4"]],
  ["P4 rake tomorrow", ["rake", "2026-11-26", "!1"]],
  ["rechen !hoch", ["rechen", "!3"], { locale: "de-AT" }],
  ["Call Bob on monday, 9:30am.", ["Call Bob.", "2026-11-30 09:30"]],
  ["Call Bob friday", ["Call Bob", "2026-11-27"]],
  ["friday dinner 17:00", ["dinner", "2026-11-27 17:00"]],
  ["17:00 dinner friday !high", ["dinner", "2026-11-27 17:00", "!3"]],
  ["friday dinner at 8 p2", ["dinner", "2026-11-27 08:00", "!3"]],
  ["monday 9:00 call Bob friday", ["monday 9:00 call Bob", "2026-11-27"]],
  ["friday: call Bob at 5", ["friday: call Bob at 5"]],
  ["tomorrow 17:00, look at 3", ["look at 3", "2026-11-26 17:00"]],
  ["Meet at 5 Main Street", ["Meet at 5 Main Street"]],
  ["Freitag Essen um 19 Uhr", ["Essen", "2026-11-27 19:00"], { locale: "de-DE" }],
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
  ["Wrap the 24th of December, 2030 10:00", ["Wrap", "2030-12-24 10:00"]],
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
  ["Zahnarzt in zwei Wochen", ["Zahnarzt", "2026-12-09"], { locale: "de-DE" }],
  ["Zahnarzt in 2 Wochen", ["Zahnarzt", "2026-12-09"], { locale: "de-DE" }],
  ["Zahnarzt in einem Monat", ["Zahnarzt", "2026-12-25"], { locale: "de-DE" }],
  ["Zahnarzt in 3 Stunden", ["Zahnarzt", "2026-11-25 13:00"], { locale: "de-DE" }],
  ["Zahnarzt in 3 Tagen", ["Zahnarzt", "2026-11-28"], { locale: "de-DE" }],
  ["Call tomorrow", ["Call tomorrow"], { locale: "de-DE" }],
  ["Tea tomorrow 9:00 today", ["Tea tomorrow 9:00", "2026-11-25"], { literal: ["tomorrow 9:00"] }],
  ["Call today, or tomorrow 9:00", ["Call today, or", "2026-11-26 09:00"]],
  ["Call tomorrow 9:00, or today", ["Call tomorrow 9:00, or", "2026-11-25"]],
  // What is due for some time is not understood. A part of it would be wrong.
  ["Read every detail tomorrow", ["Read every detail", "2026-11-26"]],
  ["Camp monday to friday", ["Camp monday to friday"]],
  ["Meet 9:00 – 10:30", ["Meet 9:00 – 10:30"]],
  ["Urlaub Montag bis Freitag", ["Urlaub Montag bis Freitag"], { locale: "de-DE" }],
  ["Di bis Do Messe", ["Di bis Do Messe"], { locale: "de-DE" }],
  ["Alle anrufen morgen", ["Alle anrufen", "2026-11-26"], { locale: "de-DE" }],
  // Parts of a day.
  ["Lunch today at noon", ["Lunch", "2026-11-25 12:00"]],
  ["Lunch friday noon", ["Lunch", "2026-11-27 12:00"]],
  ["Noon meeting", ["Noon meeting"]],
  ["Party at midnight", ["Party", "2026-11-26 00:00"]],
  ["Call tonight", ["Call", "2026-11-25 19:00"]],
  ["Call tonight at 8", ["Call", "2026-11-25 20:00"]],
  ["Call 2am tonight", ["Call", "2026-11-26 02:00"]],
  ["Call at 8 in the evening", ["Call", "2026-11-25 20:00"]],
  ["Call at 3 in the morning", ["Call", "2026-11-26 03:00"]],
  ["Call tomorrow morning at 3", ["Call", "2026-11-26 03:00"]],
  ["Call 9pm tonight", ["Call", "2026-11-25 21:00"]],
  ["Call this afternoon", ["Call", "2026-11-25 15:00"]],
  ["Call tomorrow morning", ["Call", "2026-11-26 09:00"]],
  ["Call tomorrow morning at 7:30", ["Call", "2026-11-26 07:30"]],
  ["Call fri evening", ["Call", "2026-11-27 19:00"]],
  ["Call friday at 8:30 in the evening", ["Call", "2026-11-27 20:30"]],
  ["Call sunday afternoon at 4", ["Call", "2026-11-29 16:00"]],
  ["Good morning, evening dress", ["Good morning, evening dress"]],
  ["Anruf heute Abend", ["Anruf", "2026-11-25 19:00"], { locale: "de-DE" }],
  ["Anruf heute Abend um 8", ["Anruf", "2026-11-25 20:00"], { locale: "de-DE" }],
  ["Anruf um 8 Uhr abends am Freitag", ["Anruf", "2026-11-27 20:00"], { locale: "de-DE" }],
  ["Anruf um 12 mittags", ["Anruf", "2026-11-25 12:00"], { locale: "de-DE" }],
  ["Anruf heute Nacht um 2", ["Anruf", "2026-11-26 02:00"], { locale: "de-DE" }],
  ["Fr. 14 Uhr Anruf", ["Anruf", "2026-11-27 14:00"], { locale: "de-DE" }],
  ["Anruf heute Nachmittag", ["Anruf", "2026-11-25 15:00"], { locale: "de-DE" }],
  ["Anruf morgen früh", ["Anruf", "2026-11-26 09:00"], { locale: "de-DE" }],
  ["Guten Morgen sagen", ["Guten Morgen sagen"], { locale: "de-DE" }],
  ["Guten Morgen sagen morgen", ["Guten Morgen sagen", "2026-11-26"], { locale: "de-DE" }],
  ["Sport am Morgen", ["Sport am Morgen"], { locale: "de-DE" }],
  ["Sport Montag am Morgen", ["Sport", "2026-11-30 09:00"], { locale: "de-DE" }],
  ["Anruf morgen früh um 7", ["Anruf", "2026-11-26 07:00"], { locale: "de-DE" }],
  ["Anruf mittags", ["Anruf", "2026-11-25 12:00"], { locale: "de-DE" }],
  ["Anruf Montag Mittag", ["Anruf", "2026-11-30 12:00"], { locale: "de-DE" }],
  ["Anruf am Freitagabend", ["Anruf", "2026-11-27 19:00"], { locale: "de-DE" }],
  // Other days and times.
  ["Call tomorrow at 8", ["Call", "2026-11-26 08:00"]],
  ["Call tomorrow at 3", ["Call", "2026-11-26 15:00"]],
  ["Call tomorrow at 8.5 m", ["Call at 8.5 m", "2026-11-26"]],
  ["Look at 3", ["Look at 3"]],
  ["Call the day after tomorrow", ["Call", "2026-11-27"]],
  ["Call friday next week", ["Call", "2026-12-04"]],
  ["Call next week on friday", ["Call", "2026-12-04"]],
  ["Call this friday 3 pm", ["Call", "2026-11-27 15:00"]],
  ["Pay on the 1st", ["Pay", "2026-12-01"]],
  ["Pay by the 31st !3", ["Pay", "2027-01-31", "!3"], { now: "2027-01-31T10:00" }],
  ["Pay on the 31st at noon", ["Pay", "2026-12-31 12:00"]],
  ["Meet on the 2nd floor", ["Meet on the 2nd floor"]],
  ["Meet in two weeks", ["Meet", "2026-12-09"]],
  ["Meet in twelve hours", ["Meet", "2026-11-25 22:00"]],
  ["Wrap 15.12. 14h", ["Wrap", "2026-12-15 14:00"]],
  ["Wrap by 5.1.", ["Wrap", "2027-01-05"]],
  ["Read 3.4. and 8h", ["Read 3.4. and 8h"]],
  ["Wrap tomorrow 14 Uhr", ["Wrap", "2026-11-26 14:00"]],
  ["Report end of month", ["Report", "2026-11-30"]],
  ["Report by the end of the month", ["Report", "2026-11-30"]],
  ["Report at the end of next month", ["Report at the end of next month"]],
  ["Hike this weekend", ["Hike", "2026-11-28"]],
  ["Hike next weekend", ["Hike", "2026-12-05"]],
  ["Hike at the weekend", ["Hike", "2026-11-29"], { now: "2026-11-29T10:00" }],
  ["Plan weekend trip", ["Plan weekend trip"]],
  ["Miete am 1.", ["Miete", "2026-12-01"], { locale: "de-DE" }],
  ["Treffen am 1. Tag", ["Treffen am 1. Tag"], { locale: "de-DE" }],
  ["Wandern am Wochenende", ["Wandern", "2026-11-28"], { locale: "de-DE" }],
  ["Wandern nächstes Wochenende", ["Wandern", "2026-12-05"], { locale: "de-DE" }],
  ["Bericht bis Ende des Monats", ["Bericht", "2026-11-30"], { locale: "de-DE" }],
  ["Anruf Freitag nächster Woche", ["Anruf", "2026-12-04"], { locale: "de-DE" }],
  ["Anruf morgen 14h30", ["Anruf", "2026-11-26 14:30"], { locale: "de-DE" }],
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

test("a name after # that no category has is that of a new one, if it is a word", () => {
  const created = (/** @type {string} */ text, creates = true) => {
    const { title, tokens } = captured(text, { now: new Date(), categories: CATEGORIES, creates, language: "en", locale: "en-GB" });
    return [title, ...tokens.flatMap((token) => token.created ?? [])];
  };
  assert.deepEqual(created("milk #Shop today"), ["milk", "Shop"]);
  assert.deepEqual(created("a #Ödland"), ["a", "Ödland"]);
  for (const text of ["fix #12", "C# or F#x", "milk #", "# milk", "a #b/c", `a #${"x".repeat(65)}`]) assert.deepEqual(created(text), [text]);
  assert.deepEqual(created("milk #home"), ["milk"]);
  assert.deepEqual(created("milk #Shop", false), ["milk #Shop"]);
});

test("each line of a list is a task", () => {
  assert.deepEqual(linesOf("- [ ] milk\r\n\n* bread\n  • 2 eggs\n[x] done\n-5 degrees\n"), ["milk", "bread", "2 eggs", "done", "-5 degrees"]);
});

test("names of categories and priorities are completed where they are written", () => {
  const at = (/** @type {string} */ text) => completions(text, text.length, { "#": CATEGORIES, "!": PRIORITIES.en }).matches.map(({ name }) => name);
  assert.deepEqual(at("milk #"), ["Home", "Home office", "Über uns"]);
  assert.deepEqual(at("milk #HO"), ["Home", "Home office"]);
  assert.deepEqual(at("#home o"), ["Home office"]);
  assert.deepEqual(at("#home"), []);
  assert.deepEqual(at("C#"), []);
  assert.deepEqual(at("milk"), []);
  assert.deepEqual(at("milk !"), ["Low", "Normal", "High", "Urgent"]);
  assert.deepEqual(at("milk #home !u"), ["Urgent"]);
  assert.deepEqual(at("milk!"), []);
  assert.equal(completions("milk #ho more", 8, { "#": CATEGORIES }).start, 5);
});

for (const language of /** @type {const} */ (["en", "de"])) {
  const read = (/** @type {string} */ text, literal = new Set()) => captured(text, { now: new Date("2026-11-25T10:00"), categories: CATEGORIES, priorities: PRIORITIES[language], literal, language, locale: language === "en" ? "en-GB" : "de-AT" });

  for (const [text, title, due, rule] of REPEATS[language]) {
    test(`“${text}” recurs`, () => {
      process.env.TZ = "UTC";
      const { title: left, fields, repeats, tokens } = read(text);
      const { recurrence, due_on, due_date } = fields;
      assert.deepEqual([left, due_on ?? due_date?.slice(0, 16).replace("T", " "), recurrence && recurrence.rule + (recurrence.from === "due" ? "" : " !")], [title, due, rule]);
      assert.deepEqual([recurrence?.start, recurrence?.time_zone, repeats], [due_on ?? due_date?.replace(".000Z", "Z"), "UTC", false]);
      assert.ok(!due_on || !due_date);
      const written = tokens.find((token) => token.written)?.text ?? "";
      const kept = read(text, new Set([written]));
      assert.deepEqual([kept.title.includes(written), kept.fields.recurrence, kept.repeats], [true, undefined, true], "kept as text");
    });
  }

  test(`in ${language}, what is only near a rule stays text`, () => {
    process.env.TZ = "UTC";
    for (const text of NEAR[language]) {
      const { title, fields } = read(text);
      assert.deepEqual([title, fields.recurrence], [text, undefined]);
    }
  });
}

test("what is due again and again by an unknown rule is known, although it stays text", () => {
  const repeats = (/** @type {string} */ text, language = /** @type {"en" | "de"} */ ("en")) => captured(text, { now: new Date("2026-11-25T10:00"), language, locale: language }).repeats;
  for (const text of ["Drink every hour", "Write weekly report", "Camp mon to fri", "every monday"]) assert.equal(repeats(text), true, text);
  for (const text of ["Trinken alle 2 Stunden", "jeden Montag"]) assert.equal(repeats(text, "de"), true, text);
  for (const text of ["Buy milk", "Buy milk monday", "Meeting 9am to 10am"]) assert.equal(repeats(text), false, text);
});

test("today is not the 31st of each month because it is the last day of this one", () => {
  process.env.TZ = "UTC";
  const due = (/** @type {string} */ text, /** @type {string} */ now) => captured(text, { now: new Date(now), language: "en", locale: "en-GB" }).fields.due_on;
  assert.equal(due("Pay every month on the 31st", "2026-11-30T10:00"), "2026-12-31");
  assert.equal(due("Pay every 2 months on the 31st", "2026-11-30T10:00"), "2026-12-31");
  assert.equal(due("Pay every month on the 31st", "2026-11-29T10:00"), "2026-11-30");
  assert.equal(due("Pay every 30th", "2026-11-30T10:00"), "2026-11-30");
});

test("a rule keeps its time on the clock of the user's time zone", () => {
  process.env.TZ = "Europe/Vienna";
  const { fields } = captured("Run every day at 9", { now: new Date("2027-03-27T12:00"), language: "en", locale: "en-GB" });
  assert.deepEqual([fields.due_date, fields.recurrence?.time_zone, fields.recurrence?.start], ["2027-03-28T07:00:00Z", "Europe/Vienna", "2027-03-28T07:00:00Z"]);
});

test("a text that asks for a reminder gets one when it is due, or before", () => {
  const read = (/** @type {string} */ text, locale = "en-GB", /** @type {string[]} */ literal = []) => {
    process.env.TZ = "UTC";
    const { title, fields, remind, tokens } = captured(text, { now: new Date("2026-11-25T10:00"), literal: new Set(literal), language: locale.slice(0, 2), locale });
    return [title, fields.due_on ?? fields.due_date?.slice(0, 16), remind && ("before" in remind ? remind.before : "at"), tokens.find((each) => each.remind)?.at?.toISOString().slice(11, 16)];
  };
  assert.deepEqual(read("Remind me to call mum in 2 minutes"), ["call mum", "2026-11-25T10:02", "PT0M", "10:02"]);
  assert.deepEqual(read("remind me tomorrow at 9:00 about the rent"), ["the rent", "2026-11-26T09:00", "PT0M", "09:00"]);
  assert.deepEqual(read("Remind me to pay on friday"), ["pay", "2026-11-27", "PT0M", undefined]);
  assert.deepEqual(read("Remind me to pay every friday at 9"), ["pay", "2026-11-27T09:00", "PT0M", "09:00"]);
  assert.deepEqual(read("Call mum tomorrow 17:00, remind me 10 min before"), ["Call mum", "2026-11-26T17:00", "PT10M", "16:50"]);
  assert.deepEqual(read("Call mum friday remind me two days before"), ["Call mum", "2026-11-27", "P2D", undefined]);
  assert.deepEqual(read("Erinnere mich in 2 Minuten, Mama anzurufen", "de-DE"), ["Mama anzurufen", "2026-11-25T10:02", "PT0M", "10:02"]);
  assert.deepEqual(read("Erinnere mich morgen um 9 Uhr daran, Mama anzurufen", "de-DE"), ["Mama anzurufen", "2026-11-26T09:00", "PT0M", "09:00"]);
  assert.deepEqual(read("Zahnarzt morgen 17:00 erinnere mich 1 Stunde vorher", "de-DE"), ["Zahnarzt", "2026-11-26T17:00", "PT1H", "16:00"]);
  assert.deepEqual(read("Check iron remind me in 2 minutes"), ["Check iron", "2026-11-25T10:02", "PT0M", "10:02"]);
  assert.deepEqual(read("Check iron in 2 minutes, remind me"), ["Check iron", "2026-11-25T10:02", "PT0M", "10:02"]);
  assert.deepEqual(read("Check iron remind me at 18:00 !3"), ["Check iron", "2026-11-25T18:00", "PT0M", "18:00"]);
  assert.deepEqual(read("Check iron remind me at 18"), ["Check iron", "2026-11-25T18:00", "PT0M", "18:00"]);
  assert.deepEqual(read("Call Ann fri 17:00 remind me the day before"), ["Call Ann", "2026-11-27T17:00", "P1D", "17:00"]);
  assert.deepEqual(read("Call Ann fri 17:00 remind me an hour before"), ["Call Ann", "2026-11-27T17:00", "PT1H", "16:00"]);
  assert.deepEqual(read("Zahnarzt Freitag 17:00 erinnere mich einen Tag vorher", "de-DE"), ["Zahnarzt", "2026-11-27T17:00", "P1D", "17:00"]);
  assert.deepEqual(read("Check iron remind me tomorrow"), ["Check iron", "2026-11-26", "PT0M", undefined]);
  assert.deepEqual(read("Dentist friday remind me at 18:00"), ["Dentist", "2026-11-27T18:00", "PT0M", "18:00"]);
  assert.deepEqual(read("Drink remind me every day at 18:00"), ["Drink", "2026-11-25T18:00", "PT0M", "18:00"]);
  assert.deepEqual(read("Drink every day remind me at 18:00"), ["Drink", "2026-11-25T18:00", "PT0M", "18:00"]);
  assert.deepEqual(read("Remind me to water every day"), ["water", "2026-11-25", "PT0M", undefined]);
  assert.deepEqual(read("Call mum at 18:00 about the party remind me"), ["Call mum about the party", "2026-11-25T18:00", "PT0M", "18:00"]);
  assert.deepEqual(read("Ask Bob to remind me tomorrow"), ["Ask Bob to remind me", "2026-11-26", undefined, undefined]);
  assert.deepEqual(read("Mama um 18 Uhr anrufen, erinnere mich", "de-DE"), ["Mama anrufen", "2026-11-25T18:00", "PT0M", "18:00"]);
  assert.deepEqual(read("Dentist friday 14:00 remind me tomorrow at 8:00"), ["Dentist", "2026-11-27T14:00", "at", "08:00"]);
  assert.deepEqual(read("Dentist friday 14:00 remind me tomorrow"), ["Dentist", "2026-11-27T14:00", "at", "09:00"]);
  assert.deepEqual(read("Pay rent friday remind me in 2 hours"), ["Pay rent", "2026-11-27", "at", "12:00"]);
  assert.deepEqual(read("Standup every friday 9:30 remind me at 9:00"), ["Standup", "2026-11-27T09:30", "PT30M", "09:00"]);
  assert.deepEqual(read("Dentist friday 14:00 remind me tomorrow", "en-GB", ["remind me tomorrow"]), ["Dentist remind me tomorrow", "2026-11-27T14:00", undefined, undefined]);
  assert.deepEqual(read("Dentist friday 14:00, tomorrow remind me", "en-GB", ["tomorrow remind me"]), ["Dentist, tomorrow remind me", "2026-11-27T14:00", undefined, undefined]);
  assert.deepEqual(read("Bügeleisen in 2 Minuten erinnern", "de-DE"), ["Bügeleisen", "2026-11-25T10:02", "PT0M", "10:02"]);
  assert.deepEqual(read("Bügeleisen erinnere mich um 18 Uhr", "de-DE"), ["Bügeleisen", "2026-11-25T18:00", "PT0M", "18:00"]);
  assert.deepEqual(read("Bügeleisen mich morgen daran erinnern", "de-DE"), ["Bügeleisen", "2026-11-26", "PT0M", undefined]);
  assert.deepEqual(read("Zahnarzt Freitag 14:00, am Donnerstag erinnern", "de-DE"), ["Zahnarzt", "2026-11-27T14:00", "at", "09:00"]);
  assert.deepEqual(read("Mama morgen an Zahnarzt erinnern", "de-DE"), ["Mama an Zahnarzt erinnern", "2026-11-26", undefined, undefined]);
  const text = "Remind me to call mum in 2 minutes";
  assert.deepEqual(read(text, "en-GB", ["Remind me"]), ["Remind me to call mum", "2026-11-25T10:02", undefined, undefined]);
  for (const none of ["Remind me to call mum", "Remind me today", "Ask Bob to remind me", "Remind me"]) assert.deepEqual(read(none).slice(2), [undefined, undefined], none);
  assert.deepEqual(read("Pay in 5 minutes remind me 2 hours before"), ["Pay remind me 2 hours before", "2026-11-25T10:05", undefined, undefined]);
});
