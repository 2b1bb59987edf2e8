// Recurrences: their days are those of the server, and the rules that the app makes are accepted by it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { captured } from "../../src/tasktracker_web/capture.js";
import { changed, formOf, moved, newForm, numbersFor, SAME, textFrom, usualRules } from "../../src/tasktracker_web/recurrence/form.js";
import { parse, textOf } from "../../src/tasktracker_web/recurrence/rule.js";
import { firstSlot, firstSlots, hasStart, nextDates, numberOfDay, slotOf, textOfDay } from "../../src/tasktracker_web/recurrence/slots.js";
import { numbers } from "./random.js";
import { REPEATS } from "./repeats.js";

const BIN = process.env.BIN ?? ".venv/bin";
const WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const ZONES = ["UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca"];

/** @typedef {{ recurrence: any, due: string, now: string, completed: string | null, count: number }} Question */

/** Ask the server's rules. @param {Question[]} questions @returns {Promise<{ refused?: string, rule: string, slots: string[] }[]>} */
async function asked(questions) {
  const { stdin, stdout } = spawn(`${BIN}/python`, ["-m", "tests.web.slots"], { stdio: ["pipe", "pipe", "inherit"] });
  stdin.end(questions.map((each) => `${JSON.stringify(each)}\n`).join(""));
  const answers = [];
  for await (const line of createInterface({ input: stdout })) answers.push(JSON.parse(line));
  assert.equal(answers.length, questions.length);
  return answers;
}

/** Make random questions about any rules. @param {number} count @param {number} seed @returns {Question[]} */
function questions(count, seed) {
  const random = numbers(seed);
  const number = (/** @type {number} */ from, /** @type {number} */ to) => from + Math.floor(random() * (to - from + 1));
  /** @template T @param {T[]} list */
  const one = (list) => list[number(0, list.length - 1)];
  const some = (/** @type {() => unknown} */ make) => Array.from({ length: number(1, 3) }, make).join();
  const signed = (/** @type {number} */ limit) => number(1, limit) * one([1, 1, -1]);
  const moment = (/** @type {number} */ from, /** @type {number} */ to) => new Date(Date.UTC(number(from, to), number(0, 11), number(1, 31), number(0, 23), one([0, 15, 30, 59]))).toISOString().replace(".000", "");
  return Array.from({ length: count }, () => {
    const frequency = one(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]);
    const long = frequency === "MONTHLY" || frequency === "YEARLY";
    const parts = [`FREQ=${frequency}`];
    if (random() < 0.4) parts.push(`INTERVAL=${number(1, 5)}`);
    if (random() < 0.25) parts.push(`BYMONTH=${some(() => number(1, 12))}`);
    if (frequency !== "WEEKLY" && random() < 0.35) parts.push(`BYMONTHDAY=${some(() => signed(31))}`);
    if (random() < 0.5) parts.push(`BYDAY=${some(() => `${long && random() < 0.5 ? signed(frequency === "YEARLY" && !String(parts).includes("BYMONTH=") ? 53 : 5) : ""}${one(WEEKDAYS)}`)}`);
    if (random() < 0.2) parts.push(`BYSETPOS=${some(() => signed(long ? 5 : 1))}`);
    if (random() < 0.3) parts.push(`WKST=${one(WEEKDAYS)}`);
    const end = random();
    if (end < 0.15) parts.push(`COUNT=${number(1, 20)}`);
    else if (end < 0.3) parts.push(`UNTIL=${number(2026, 2030)}${one(["0228", "1231", "0615"])}${one(["", "T120000Z"])}`);
    const isDay = random() < 0.5;
    const slot = () => (isDay ? moment(2025, 2027).slice(0, 10) : moment(2025, 2027));
    const from = one(["due", "due", "completion"]);
    const now = moment(2025, 2028);
    const recurrence = { rule: parts.join(";"), time_zone: one(ZONES), from, start: slot() };
    return { recurrence, due: slot(), now, completed: from === "completion" ? now : null, count: 6 };
  });
}

test("the slots of random recurrences are those of the server, and so is the form of their rules", async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const all = questions(1500, seed);
  const answers = await asked(all);
  let compared = 0;
  all.forEach(({ recurrence, due, now, completed, count }, index) => {
    const { refused, rule, slots: expected } = answers[index];
    if (refused !== undefined) return;
    compared++;
    const said = `seed ${seed}: ${JSON.stringify(all[index])}`;
    assert.equal(textOf(parse(rule)), rule, said);
    const found = firstSlots([{ ...recurrence, rule }, due, new Date(now), completed ?? undefined], count);
    assert.deepEqual(found.map(({ due_on, due_date }) => due_on ?? due_date), expected, said);
  });
  assert.ok(compared > 700, `only ${compared} rules were accepted`);
});

/** Return recurrences of all that the fields for a rule can make, from one day. @param {string} start */
function madeByFields(start) {
  const first = newForm(numberOfDay(start));
  const within = (/** @type {any} */ form) => [form, ...["day", 0, 6].flatMap((kind) => numbersFor({ ...form, kind }).map((nth) => ({ ...form, kind, nth })))];
  const forms = [
    ...[1, 2, 1000].map((interval) => ({ ...first, frequency: "DAILY", interval })),
    ...[[0], [5, 6], [6, 0, 3]].map((weekdays) => ({ ...first, interval: 2, weekdays })),
    ...within({ ...first, frequency: "MONTHLY" }),
    ...[2, 12].flatMap((month) => within(changed(/** @type {any} */ ({ ...first, frequency: "YEARLY" }), { month }))),
  ];
  const same = ["WEEKLY", "MONTHLY", "YEARLY"].map((frequency) => ({ ...first, frequency, interval: 3, weekdays: [], nth: SAME, from: "completion" }));
  const ends = [{}, { ends: "until", until: "2099-12-31" }, { ends: "count", count: 1000 }];
  return forms.flatMap((form) => [...ends.map((end) => ({ ...form, ...end })), { ...form, from: "completion" }]).concat(same).map((form) => ({ rule: String(textFrom(/** @type {any} */ (form))), from: form.from, time_zone: "UTC", start }));
}

test("the server accepts each rule that the app makes, in its form, and has the same days; and the fields of a rule make it again", async () => {
  process.env.TZ = "UTC";
  const now = new Date("2026-11-25T10:00Z");
  const written = Object.entries(REPEATS).flatMap(([language, texts]) => texts.map(([text]) => captured(text, { now, language, locale: language }).fields.recurrence));
  const days = Array.from({ length: 92 }, (_, index) => textOfDay(numberOfDay("2027-12-01") + index));
  const usual = days.flatMap((start) => usualRules(numberOfDay(start)).map((rule) => ({ rule, from: /** @type {const} */ ("due"), time_zone: "UTC", start })));
  const made = ["2026-11-25", "2028-02-29"].flatMap(madeByFields);
  const all = [...written, ...usual, ...made].map((recurrence) => /** @type {import("../../src/tasktracker_web/recurrence/rule.js").Recurrence} */ (recurrence));
  const answers = await asked(all.map((recurrence) => ({ recurrence, due: recurrence.start, now: now.toISOString(), completed: recurrence.from === "completion" ? now.toISOString() : null, count: 3 })));
  all.forEach((recurrence, index) => {
    const { refused, rule, slots } = answers[index];
    assert.deepEqual([refused, rule], [undefined, recurrence.rule], JSON.stringify(recurrence));
    const found = firstSlots([recurrence, recurrence.start, now, recurrence.from === "completion" ? now.toISOString() : undefined], 3);
    assert.deepEqual(found.map(({ due_on, due_date }) => due_on ?? due_date), slots, rule);
    if (!written.includes(recurrence)) assert.equal(textFrom(/** @type {any} */ (formOf(recurrence))), rule);
  });
});

test("the server accepts each rule that is read from random words, and the task is due on its first day or as it is written", async () => {
  process.env.TZ = "UTC";
  const now = new Date("2026-11-25T10:00Z");
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const random = numbers(seed);
  const words = Object.fromEntries(Object.entries(REPEATS).map(([language, rows]) => [language, [...rows.flatMap(([text]) => text.split(" ")), "1st", "31.", "0", "!", ",", "999", "30 feb", "31.2.", "yesterday"]]));
  const texts = Array.from({ length: 4000 }, (_, index) => {
    const language = index % 2 ? "en" : "de";
    const every = language === "en" ? "every" : ["jeden", "alle"][index % 4 ? 0 : 1];
    const some = Array.from({ length: 1 + Math.floor(random() * 6) }, () => words[language][Math.floor(random() * words[language].length)]);
    return { language, text: [every, ...some].join(" ").replaceAll(" ,", ",") };
  });
  const read = texts.flatMap(({ language, text }) => {
    const { fields } = captured(`x ${text}`, { now, language, locale: language });
    return fields.recurrence ? [{ text, recurrence: fields.recurrence, due: String(fields.due_on ?? fields.due_date) }] : [];
  });
  const rules = new Map(read.map((each) => [each.recurrence.rule + each.due, each]));
  assert.ok(rules.size > 100, `only ${rules.size} rules were read`);
  const all = [...rules.values()];
  const answers = await asked(all.map(({ recurrence, due }) => ({ recurrence, due, now: now.toISOString(), completed: null, count: 1 })));
  all.forEach(({ text, recurrence, due }, index) => {
    const said = `seed ${seed}: ${text}`;
    assert.deepEqual([answers[index].refused, answers[index].rule], [undefined, recurrence.rule], said);
    assert.equal(recurrence.start, due.replace(".000Z", "Z"), said);
  });
});

test("rules that the fields cannot make have no fields", () => {
  const fields = (/** @type {string} */ rule) => formOf({ rule, time_zone: "UTC", from: "due", start: "2026-11-25" });
  for (const rule of ["FREQ=MONTHLY;BYMONTHDAY=31", "FREQ=MONTHLY;BYMONTHDAY=29,30;BYSETPOS=-1", "FREQ=DAILY;BYMONTH=6", "FREQ=MONTHLY;BYMONTHDAY=1,15", "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1", "FREQ=YEARLY;BYDAY=20MO", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU", "FREQ=DAILY;UNTIL=20270101T120000Z", "FREQ=MONTHLY;BYMONTHDAY=-2"]) assert.equal(fields(rule), null, rule);
  assert.equal(fields("FREQ=WEEKLY")?.weekdays[0], 2);
});

test("fields that make no rule, or that do not fit together, are changed or make none", () => {
  const form = newForm(numberOfDay("2026-11-30"));
  assert.equal(textFrom(form), "FREQ=WEEKLY;BYDAY=MO");
  for (const change of [{ interval: NaN }, { interval: 0 }, { interval: 1001 }, { weekdays: [] }, { ends: /** @type {const} */ ("until"), until: "" }, { ends: /** @type {const} */ ("count"), count: 0 }]) assert.equal(textFrom({ ...form, ...change }), null);
  const monthly = changed(form, { frequency: "MONTHLY" });
  assert.equal(textFrom(monthly), "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1");
  assert.equal(textFrom(changed(monthly, { kind: 0 })), "FREQ=MONTHLY;BYDAY=-1MO");
  assert.equal(textFrom(changed({ ...monthly, frequency: "YEARLY" }, { month: 2 })), "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1");
  assert.equal(textFrom(changed({ ...form, ends: "count" }, { from: "completion" })), "FREQ=WEEKLY;BYDAY=MO");
  assert.equal(textFrom(changed({ ...form, from: "completion", weekdays: [] }, { from: "due" })), "FREQ=WEEKLY;BYDAY=MO");
  const same = { ...monthly, from: /** @type {const} */ ("completion"), nth: SAME };
  assert.equal(textFrom(same), "FREQ=MONTHLY");
  assert.equal(textFrom(changed(same, { from: "due" })), "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1");
});

test("counted from the completion, a rule without a day has the last day of a shorter month", () => {
  const next = (/** @type {string} */ rule, /** @type {"due" | "completion"} */ from, /** @type {string} */ done) => firstSlots([{ rule, time_zone: "UTC", from, start: "2026-01-31" }, "2026-01-31", new Date(`${done}T10:00Z`), done], 1)[0]?.due_on;
  assert.equal(next("FREQ=MONTHLY;INTERVAL=3", "completion", "2026-11-30"), "2027-02-28");
  assert.equal(next("FREQ=YEARLY", "completion", "2028-02-29"), "2029-02-28");
  assert.equal(next("FREQ=MONTHLY", "due", "2026-02-01"), "2026-03-31");
});

test("the next dates of a task that was moved are those of its slot, as the server makes them", async () => {
  process.env.TZ = "UTC";
  const now = new Date("2026-11-30T16:00Z");
  const rules = { standup: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", bins: "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU" };
  const recurrence = (/** @type {string} */ rule, /** @type {string} */ start) => /** @type {const} */ ({ rule, start, time_zone: "Europe/Vienna", from: "due" });
  const standup = recurrence(rules.standup, "2026-12-01T08:30:00Z");
  const [bins, counted] = [recurrence(rules.bins, "2026-12-01"), recurrence("FREQ=DAILY;COUNT=3", "2026-11-29")];
  const cases = /** @type {const} */ ([
    [{ due_on: null, due_date: "2026-12-03T08:30:00Z", slot: "2026-12-02T08:30:00Z" }, standup, "2026-12-02T08:30:00Z", standup],
    [{ due_on: "2026-11-30", due_date: null, slot: "2026-12-01" }, bins, "2026-12-01", bins],
    [{ due_on: "2026-12-20", due_date: null, slot: "2026-11-30" }, counted, "2026-11-30", counted],
    // The server has not received these yet: a time that makes a moment of a day, and a rule that starts when this one is due.
    [{ due_on: null, due_date: "2026-12-02T09:00:00.000Z", slot: "2026-12-01", pending: true }, bins, "2026-12-01T09:00:00Z", recurrence(rules.bins, "2026-12-01T09:00:00Z")],
    [{ due_on: null, due_date: "2026-12-02T09:15:00.000Z", slot: "2026-12-02T08:30:00Z", pending: true }, recurrence(rules.standup, "2026-12-02T09:15:00Z"), "2026-12-02T09:15:00Z", recurrence(rules.standup, "2026-12-02T09:15:00Z")],
  ]);
  const answers = await asked(cases.map(([, , due, stored]) => ({ recurrence: stored, due, now: now.toISOString(), completed: null, count: 3 })));
  cases.forEach(([task, given, slot], index) => {
    assert.equal(slotOf(task, given), slot);
    assert.deepEqual(nextDates(task, given, now, 3).map(({ due_on, due_date }) => due_on ?? due_date), answers[index].slots);
  });
  assert.equal(nextDates({ due_on: "2027-01-09", due_date: null }, { ...bins, from: "completion" }, now, 1)[0].due_on, "2027-01-19");
  assert.deepEqual([hasStart(bins), hasStart({ ...bins, start: "2026-12-02" })], [true, false]);
});

test("the fields of a rule move along with one of its days", () => {
  const to = (/** @type {string} */ rule, /** @type {string} */ from, /** @type {string} */ day) => textFrom(moved(/** @type {any} */ (formOf({ rule, from: "due", time_zone: "UTC", start: from })), numberOfDay(from), numberOfDay(day)));
  assert.equal(to("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=4", "2026-12-03", "2026-12-04"), "FREQ=WEEKLY;BYDAY=MO,FR;COUNT=4");
  assert.equal(to("FREQ=WEEKLY;BYDAY=MO,TH", "2026-12-03", "2026-12-07"), "FREQ=WEEKLY;BYDAY=MO");
  assert.equal(to("FREQ=MONTHLY;BYMONTHDAY=1", "2026-12-01", "2026-12-02"), "FREQ=MONTHLY;BYMONTHDAY=2");
  assert.equal(to("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-11-30", "2026-12-31"), "FREQ=MONTHLY;BYMONTHDAY=-1");
  assert.equal(to("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-11-30", "2026-11-29"), "FREQ=MONTHLY;BYMONTHDAY=28,29;BYSETPOS=-1");
  assert.equal(to("FREQ=MONTHLY;BYDAY=1TU", "2026-12-01", "2026-12-09"), "FREQ=MONTHLY;BYDAY=2WE");
  assert.equal(to("FREQ=MONTHLY;BYDAY=-1MO", "2026-11-30", "2026-11-27"), "FREQ=MONTHLY;BYDAY=-1FR");
  assert.equal(to("FREQ=MONTHLY;BYDAY=-1MO", "2026-11-30", "2026-11-06"), "FREQ=MONTHLY;BYDAY=1FR");
  assert.equal(to("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=1", "2026-12-01", "2026-11-30"), "FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=30");
  assert.equal(to("FREQ=DAILY;INTERVAL=2", "2026-12-01", "2026-12-02"), "FREQ=DAILY;INTERVAL=2");
  assert.equal(to("FREQ=WEEKLY;BYDAY=TU", "2026-12-01", "2026-12-01"), "FREQ=WEEKLY;BYDAY=TU");
});

test("a task that gets a rule is due on the next day of it, and periods are counted from there", () => {
  const first = (/** @type {string} */ rule) => firstSlot({ rule, time_zone: "UTC", from: "due", start: "2026-11-25" }, new Date("2026-11-25T10:00Z"))?.due_on;
  assert.equal(first("FREQ=WEEKLY;INTERVAL=4;BYDAY=TU"), "2026-12-01");
  assert.equal(first("FREQ=MONTHLY;INTERVAL=6;BYMONTHDAY=24"), "2026-12-24");
  assert.equal(first("FREQ=DAILY;UNTIL=20261124"), undefined);
});
