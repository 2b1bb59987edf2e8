// When reminders fire, and their sync with the real server.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { durationOf, firing, moments, offered } from "../../src/tasktracker_web/reminders.js";
import { setMeta } from "../../src/tasktracker_web/sync/store.js";
import { areIdle, Browser, until } from "./device.js";
import { PASSWORD, Server } from "./server.js";

/** @type {Server} */
let server;
/** @type {(() => void)[]} */
const ends = [];

before(async () => {
  server = await Server.start();
});

after(async () => {
  for (const end of ends) end();
  await server.remove();
});

let number = 0;

/** Return devices of one user. @param {number} count */
async function devices(count) {
  const username = `reminded${number++}`;
  const tabs = [];
  for (let index = 0; index < count; index++) {
    const tab = new Browser(server.url).tab();
    if (index === 0) await tab.session.register({ username, password: PASSWORD });
    else await tab.session.login({ username, password: PASSWORD });
    tabs.push(await started(tab));
  }
  return tabs;
}

/** @param {import("./device.js").Tab} tab */
async function started(tab) {
  await tab.open();
  ends.push(() => void tab.copy.stop());
  return tab;
}

/** @param {import("./device.js").Tab} tab */
const reminders = ({ copy }) => [...copy.reminders.value.values()];
/** @param {import("./device.js").Tab} tab */
const notifications = ({ copy }) => [...copy.notifications.value.values()];
const soon = () => new Date(Date.now() + 3000).toISOString();

const NOW = new Date(2027, 2, 1, 12);
/** @param {any} fields @returns {any} */
const task = (fields) => ({ state: "open", due_on: null, due_date: null, ...fields });
/** @param {any} fields @returns {any} */
const reminder = (fields) => ({ at: null, before: null, fires_at: null, ...fields });

test("durations have the form in which the server returns them", () => {
  assert.deepEqual([durationOf(0, "minutes"), durationOf(10, "minutes"), durationOf(60, "minutes"), durationOf(90, "minutes")], ["PT0M", "PT10M", "PT1H", "PT1H30M"]);
  assert.deepEqual([durationOf(24, "hours"), durationOf(1, "days"), durationOf(366, "days")], ["PT24H", "P1D", "P366D"]);
});

test("a reminder says when it fires, or why it does not", () => {
  const at = new Date(2027, 2, 1, 13).toISOString();
  const due = task({ due_date: new Date(2027, 2, 1, 14).toISOString() });
  const day = task({ due_on: "2027-03-02" });
  assert.deepEqual(firing(reminder({ at, fires_at: at }), task({}), NOW), new Date(at));
  assert.deepEqual(firing(reminder({ at, pending: true }), task({}), NOW), new Date(at));
  assert.equal(firing(reminder({ at, pending: true }), task({}), new Date(at)), "passed");
  assert.equal(firing(reminder({ at }), task({}), NOW), "passed"); // the server says so, whose clock counts
  assert.equal(firing(reminder({ at }), task({ state: "done" }), NOW), "closed");
  assert.equal(firing(reminder({ before: "PT0M" }), task({}), NOW), "undue");
  assert.deepEqual(firing(reminder({ before: "PT1H30M", pending: true }), due, NOW), new Date(2027, 2, 1, 12, 30));
  assert.equal(firing(reminder({ before: "P1D", pending: true }), due, NOW), "passed");
  assert.equal(firing(reminder({ before: "PT0M", pending: true }), day, NOW), "unknown");
  assert.deepEqual(firing(reminder({ before: "PT0M", fires_at: at }), day, NOW), new Date(at));
  assert.equal(firing(reminder({ before: "PT0M" }), day, NOW), "passed");
});

test("only reminders that can still fire are offered, and each once", () => {
  const due = task({ due_date: new Date(2027, 2, 1, 12, 30).toISOString() });
  assert.deepEqual(offered(due, [], NOW), ["PT0M", "PT10M"]);
  assert.deepEqual(offered(due, [reminder({ before: "PT0M" })], NOW), ["PT10M"]);
  assert.deepEqual(offered(task({ due_on: "2027-03-01" }), [], NOW), []);
  assert.deepEqual(offered(task({ due_on: "2027-03-01" }), [], NOW, 15), ["PT0M"]);
  assert.deepEqual(offered(task({ due_on: "2027-03-03" }), [], NOW), ["PT0M", "P1D"]);
  assert.deepEqual(offered(task({}), [], NOW), []);
  const names = (/** @type {Date} */ now) => moments(now).map(([name]) => name);
  assert.deepEqual(names(NOW), ["minutes", "hour", "evening", "tomorrow"]);
  assert.deepEqual(names(new Date(2027, 2, 1, 18)), ["minutes", "hour", "tomorrow"]);
});

test("a reminder that is set offline reaches the other devices, and is removed there", async () => {
  const [phone, laptop] = await devices(2);
  const id = randomUUID();
  await until(() => areIdle(phone, laptop));
  phone.browser.isOnline = false;
  await phone.copy.create("task", { title: "Call mum", due_on: "2099-03-02" }, id);
  await phone.copy.create("reminder", { task: id, before: "P1D" });
  await phone.copy.create("reminder", { task: id, at: "2099-03-01T08:00:00.000Z" });
  assert.deepEqual(reminders(phone).map(({ before, at, pending }) => [before, at, pending]), [["P1D", null, true], [null, "2099-03-01T08:00:00Z", true]]);
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => reminders(laptop).length === 2 && areIdle(phone));
  assert.deepEqual(reminders(phone).map(({ fires_at }) => fires_at), ["2099-03-01T09:00:00Z", "2099-03-01T08:00:00Z"]);
  const undo = await laptop.copy.trash("reminder", reminders(phone)[0].id);
  await until(() => reminders(phone).length === 1);
  await undo();
  await until(() => reminders(phone).length === 2 && areIdle(laptop));
  assert.deepEqual(reminders(phone).map(({ before }) => before).sort(), ["P1D", null]);
  await phone.copy.check();
  assert.equal(phone.copy.checked.value?.differs, false);
});

test("a reminder that two devices set is there once, and one of a task that is gone needs no decision", async () => {
  const [phone, laptop] = await devices(2);
  const id = randomUUID();
  await phone.copy.create("task", { title: "Call mum", due_on: "2099-03-02" }, id);
  await until(() => laptop.titles.length === 1);
  phone.browser.isOnline = false;
  await phone.copy.create("reminder", { task: id, before: "P1D" });
  await laptop.copy.create("reminder", { task: id, before: "P1D" });
  await until(() => areIdle(laptop));
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => areIdle(phone) && reminders(phone).length === 1);
  assert.equal(reminders(phone)[0].id, reminders(laptop)[0].id);
  phone.browser.isOnline = false;
  await phone.copy.create("reminder", { task: id, before: "P2D" });
  await laptop.copy.trash("task", id);
  await until(() => areIdle(laptop));
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => areIdle(phone) && phone.titles.length === 0);
  assert.deepEqual([phone.copy.issues.value, laptop.copy.issues.value], [[], []]);
});

test("a reminder whose moment has passed when it is sent needs a decision", async () => {
  const [phone] = await devices(1);
  const id = randomUUID();
  await phone.copy.create("task", { title: "Call mum" }, id);
  await until(() => areIdle(phone));
  await phone.copy.create("reminder", { task: id, at: "2020-01-01T00:00:00Z" });
  await until(() => phone.copy.issues.value.length === 1);
  const [issue] = phone.copy.issues.value;
  assert.deepEqual([issue.type, issue.status, issue.data.task, issue.problem?.errors[0].field], ["reminder", "rejected", id, "data.at"]);
  await phone.copy.dismiss(issue);
  assert.deepEqual([phone.copy.issues.value, reminders(phone)], [[], []]);
});

test("a reminder fires on every device, and what one has read is read on the others", async () => {
  const [phone, laptop] = await devices(2);
  const id = randomUUID();
  await phone.copy.create("task", { title: "Call mum" }, id);
  await phone.copy.create("reminder", { task: id, at: soon() });
  await until(() => notifications(phone).length === 1 && notifications(laptop).length === 1);
  const [{ id: notice, kind, task, read }] = notifications(laptop);
  assert.deepEqual([kind, task, read], ["reminder", id, false]);
  laptop.browser.isOnline = false;
  const undo = await laptop.copy.edit("notification", notice, { read: true });
  assert.equal(notifications(laptop)[0].read, true);
  laptop.browser.isOnline = true;
  laptop.copy.wake();
  await until(() => notifications(phone)[0].read);
  await undo();
  await until(() => !notifications(phone)[0].read);
  await until(() => reminders(phone)[0].fires_at === null);
});

test("after a restored backup, only a reminder that can still fire needs a decision", async () => {
  const [phone] = await devices(1);
  /** @type {string[]} */
  const [id, lost, fired] = [randomUUID(), randomUUID(), randomUUID()];
  await phone.copy.create("task", { title: "Call mum" }, id);
  await until(() => areIdle(phone));
  await phone.copy.stop();
  const of = (/** @type {string} */ each, /** @type {string | null} */ fires_at) => ({ id: each, task: id, at: "2099-03-01T08:00:00Z", before: null, fires_at, created_at: "2026-01-01T00:00:00Z", version: 1 });
  const notice = { id: randomUUID(), kind: "reminder", task: id, category: null, event: null, by: null, moment: "2026-01-01T00:00:00Z", read: true, created_at: "2026-01-01T00:00:00Z", version: 2 };
  await phone.browser.store.write(async (tx) => {
    for (const data of [of(lost, "2099-03-01T08:00:00Z"), of(fired, null)]) tx.put("reminder", { id: data.id, version: 1, data });
    tx.put("notification", { id: notice.id, version: 2, data: notice });
  });
  let expired = 0;
  const { fetch } = phone.browser;
  phone.browser.fetch = async (path, options) => {
    if (!/\/sync\?.*cursor=/.test(String(path)) || expired++) return fetch(path, options);
    const problem = { type: "/problems/cursor-expired", title: "Expired", status: 410 };
    return new Response(JSON.stringify(problem), { status: 410, headers: { "Content-Type": "application/problem+json" } });
  };
  const again = await started(phone.browser.tab());
  await until(() => expired && areIdle(again) && again.copy.issues.value.length > 0);
  const [issue] = again.copy.issues.value;
  assert.deepEqual([again.copy.issues.value.length, issue.type, issue.status, issue.target], [1, "reminder", "lost", lost]);
  assert.ok(!reminders(again).some((each) => [lost, fired].includes(each.id)) && !notifications(again).some((each) => each.id === notice.id));
  await again.copy.resolve(issue, issue.data);
  await until(() => areIdle(again) && reminders(again).length === 1);
  assert.equal(reminders(again)[0].fires_at, "2099-03-01T08:00:00Z");
});

test("the copy of an earlier version of the app gets reminders, keeps its edits, and asks for no decision", async () => {
  const [phone, laptop] = await devices(2);
  const [id, other, gone] = [randomUUID(), randomUUID(), randomUUID()];
  for (const [each, title] of [[id, "Call mum"], [other, "Buy milk"], [gone, "Gone"]]) await phone.copy.create("task", { title }, each);
  await until(() => laptop.titles.length === 3 && areIdle(phone, laptop));
  await laptop.copy.stop();
  // An earlier version has only tasks and categories, and a cursor for these two.
  const page = await laptop.session.call("GET", "/sync?types=task,category&limit=200");
  await laptop.browser.store.write(async (tx) => {
    setMeta(tx, { cursor: page.next_cursor });
    tx.delete("meta", "types");
    for (const each of await tx.getAll("reminder")) tx.delete("reminder", each.id);
  });
  let isCut = true;
  const { fetch } = laptop.browser;
  laptop.browser.fetch = async (path, options) => {
    if (isCut && /\/(sync|events)/.test(String(path))) throw new TypeError("fetch failed");
    return fetch(path, options);
  };
  await phone.copy.create("reminder", { task: id, at: "2099-03-01T08:00:00Z" });
  await phone.copy.edit("task", other, { title: "Buy oat milk" });
  await phone.copy.trash("task", gone);
  await until(() => areIdle(phone));
  const from = laptop.browser.requests.length;
  const again = await started(laptop.browser.tab());
  assert.deepEqual(again.titles, ["Buy milk", "Call mum", "Gone"]);
  await again.copy.edit("task", id, { title: "Call mum back" });
  isCut = false;
  again.copy.wake();
  await until(() => areIdle(again) && reminders(again).length === 1);
  assert.deepEqual(again.titles, ["Buy oat milk", "Call mum back"]);
  await until(() => phone.titles.join() === "Buy oat milk,Call mum back");
  assert.deepEqual(again.copy.issues.value, []);
  await again.copy.check();
  assert.equal(again.copy.checked.value?.differs, false);
  await phone.copy.create("reminder", { task: id, at: "2099-03-02T08:00:00Z" });
  await until(() => reminders(again).length === 2 && areIdle(again));
  // The full state was fetched once, and no request was refused.
  const isFull = (/** @type {string} */ each) => each.startsWith("GET /api/sync?") && !each.includes("cursor=");
  assert.equal(laptop.browser.requests.slice(from).filter(isFull).length, 1);
  assert.deepEqual(again.session.failures, []);
});
