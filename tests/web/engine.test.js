// The sync engine with the real server.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { NoSpace } from "../../src/tasktracker_web/sync/errors.js";
import { historyOf, TRASH } from "../../src/tasktracker_web/sync/items.js";
import { setMeta } from "../../src/tasktracker_web/sync/store.js";
import { inOrder } from "../../src/tasktracker_web/tasks.js";
import { areIdle, Browser, until } from "./device.js";
import { numbers } from "./random.js";
import { PASSWORD, Peer, Server } from "./server.js";

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

/** Return a tab of a new browser, signed in as a new user, or as one who exists. @param {string} [username] */
async function signedIn(username) {
  const tab = new Browser(server.url).tab();
  if (username) await tab.session.login({ username, password: PASSWORD });
  else await tab.session.register({ username: newName(), password: PASSWORD });
  return started(tab);
}

/** @param {import("./device.js").Tab} tab */
async function started(tab) {
  await tab.open();
  ends.push(() => tab.copy.stop());
  return tab;
}

let number = 0;
function newName() {
  return `name${number++}`;
}

/** Return two devices of one user. */
async function twoDevices() {
  const username = newName();
  const first = new Browser(server.url).tab();
  await first.session.register({ username, password: PASSWORD });
  return { username, phone: await started(first), laptop: await signedIn(username) };
}


test("an edit is shown at once, and reaches another device", async () => {
  const { phone, laptop } = await twoDevices();
  const id = randomUUID();
  await phone.copy.create("task", { title: "Buy milk" }, id);
  assert.deepEqual(phone.titles, ["Buy milk"]);
  assert.equal(phone.copy.tasks.value.get(id)?.pending, true);
  await until(() => laptop.titles.join() === "Buy milk");
  await until(() => phone.copy.tasks.value.get(id)?.pending === undefined);
  await laptop.copy.edit("task", id, { state: "done" });
  await until(() => phone.copy.tasks.value.get(id)?.state === "done");
});

test("the copy is compared with the server again after the connection was lost", async () => {
  const { phone } = await twoDevices();
  const { copy } = phone;
  await until(() => copy.checked.value);
  const at = Date.now() - 2 * 60_000;
  await copy.write(async (tx) => setMeta(tx, { checked: { at, count: 0, differs: false } }));
  for (const isOnline of [false, true]) {
    phone.browser.isOnline = isOnline;
    copy.wake();
    await until(() => copy.status.value.connection === (isOnline ? "live" : "offline"));
  }
  await until(() => Number(copy.checked.value?.at) > at);
});

test("each action can be undone", async () => {
  const { phone, laptop } = await twoDevices();
  const id = randomUUID();
  const uncreate = await phone.copy.create("task", { title: "a", priority: 3 }, id);
  const unedit = await phone.copy.edit("task", id, { title: "b", priority: 1 });
  await until(() => laptop.titles.join() === "b");
  await unedit();
  await until(() => laptop.copy.tasks.value.get(id)?.priority === 3 && laptop.titles.join() === "a");
  const restore = await laptop.copy.trash("task", id);
  await until(() => phone.titles.length === 0);
  await restore();
  assert.deepEqual(laptop.titles, ["a"]);
  await until(() => phone.titles.join() === "a");
  await laptop.copy.trash("task", id);
  await until(() => phone.titles.length === 0);
  const unrestore = await phone.copy.restore(id);
  await until(() => laptop.titles.join() === "a");
  await unrestore();
  await until(() => laptop.titles.length === 0);
  await phone.copy.restore(id);
  await uncreate();
  await until(() => areIdle(phone, laptop) && laptop.titles.length === 0);
});

test("a new task is above the one before it, also before it is stored", async () => {
  const { phone } = await twoDevices();
  phone.browser.isOnline = false;
  const { tasks } = phone.copy;
  const titles = () => [...tasks.peek().values()].sort(inOrder).map((task) => task.title);
  for (let number = 0; number < 5; number++) {
    const storing = phone.copy.createAll([{ title: `${number} first` }, { title: `${number} second` }]);
    const before = titles();
    await storing;
    assert.deepEqual(before.slice(0, 2), [`${number} first`, `${number} second`]);
    assert.deepEqual(titles(), before);
  }
});

test("undoing the deletion of a category files its tasks again", async () => {
  const { phone, laptop } = await twoDevices();
  const [home, id] = [randomUUID(), randomUUID()];
  await phone.copy.create("category", { name: "Home", color: "#aa3300" }, home);
  await phone.copy.create("task", { title: "Sweep", category: home }, id);
  await until(() => laptop.copy.tasks.value.get(id)?.category === home);
  const undo = await phone.copy.trash("category", home);
  assert.equal(phone.copy.tasks.value.get(id)?.category, null);
  await until(() => laptop.copy.tasks.value.get(id)?.category === null);
  await undo();
  const filed = () => laptop.copy.categories.value.get(String(laptop.copy.tasks.value.get(id)?.category));
  await until(() => filed()?.name === "Home" && filed()?.color === "#aa3300");
});

test("edits of different fields are merged, and those of one field are a conflict about that field", async () => {
  const { phone, laptop } = await twoDevices();
  const id = randomUUID();
  await phone.copy.create("task", { title: "a", description: "x" }, id);
  await until(() => laptop.titles.join() === "a");
  phone.browser.isOnline = false;
  await phone.copy.edit("task", id, { title: "phone", priority: 4 });
  await laptop.copy.edit("task", id, { title: "laptop", description: "y" });
  await until(() => areIdle(laptop));
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => phone.copy.issues.value.length === 1);
  const [issue] = phone.copy.issues.value;
  assert.equal(issue.status, "conflict");
  assert.deepEqual(issue.conflicts, { title: { base: "a", yours: "phone", theirs: "laptop" } });
  await until(() => phone.titles.join() === "laptop");
  const undo = await phone.copy.resolve(issue, { ...issue.data, title: "both" });
  const decided = () => phone.copy.decisions.value.map(({ task, fields }) => ({ task, fields }));
  assert.deepEqual(decided(), [{ task: id, fields: { title: { before: "laptop", after: "both" } } }]);
  await until(() => laptop.titles.join() === "both" && laptop.copy.tasks.value.get(id)?.priority === 4);
  assert.deepEqual(phone.copy.issues.value, []);
  await undo();
  assert.deepEqual(decided(), []);
  assert.equal(phone.copy.issues.value.length, 1);
  await until(() => laptop.titles.join() === "laptop" && laptop.copy.tasks.value.get(id)?.priority === 2);
  await phone.copy.resolve(phone.copy.issues.value[0]);
  assert.deepEqual([phone.copy.issues.value, phone.titles], [[], ["laptop"]]);
  assert.deepEqual(decided(), [{ task: id, fields: { title: { before: "phone", after: "laptop" } } }]);
});

test("a category whose name exists on another device becomes that category", async () => {
  const { phone, laptop } = await twoDevices();
  await until(() => areIdle(phone, laptop));
  phone.browser.isOnline = false;
  const [home, mine] = [randomUUID(), randomUUID()];
  await phone.copy.create("category", { name: "Home" }, mine);
  await phone.copy.create("task", { title: "Sweep", category: mine });
  await laptop.copy.create("category", { name: "Home" }, home);
  await until(() => areIdle(laptop));
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => [...laptop.copy.tasks.value.values()].some((task) => task.category === home));
  assert.equal(phone.copy.issues.value[0].existing, home);
});

test("a lost response is repeated, and changes nothing twice", async () => {
  const { phone, laptop } = await twoDevices();
  await until(() => areIdle(phone, laptop));
  let lost = 0;
  phone.browser.loses = (path) => path === "/api/sync" && lost++ < 2;
  await phone.copy.create("task", { title: "once" });
  await until(() => areIdle(phone) && laptop.titles.length > 0);
  assert.deepEqual([laptop.titles, lost > 1], [["once"], true]);
});

test("the tabs of a browser share one stream, one copy and one session", async () => {
  const { laptop } = await twoDevices();
  const others = await Promise.all([1, 2, 3].map(() => started(laptop.browser.tab())));
  await others[0].copy.create("task", { title: "from a tab" });
  for (const tab of [laptop, ...others]) await until(() => tab.titles.join() === "from a tab" && areIdle(tab));
  await others[2].session.call("GET", "/accounts/me");
  const count = (/** @type {RegExp} */ kind) => laptop.browser.requests.filter((each) => kind.test(each)).length;
  assert.deepEqual([count(/events/), count(/refresh/)], [1, 0]);
  const late = await started(laptop.browser.tab());
  await until(() => areIdle(late));
  laptop.copy.stop(); // it led
  await others[1].copy.create("task", { title: "later" });
  for (const tab of others) await until(() => tab.titles.length === 2 && areIdle(tab));
});

test("a tab that opens while another writes misses nothing", async () => {
  const { phone } = await twoDevices();
  const { store } = phone.browser;
  const read = store.read.bind(store);
  store.read = async (work) => {
    const found = await read(work);
    await new Promise((next) => setTimeout(next, 20)); // a slow disk
    return found;
  };
  const opened = [];
  for (let count = 1; count <= 12; count++) {
    await phone.copy.create("task", { title: `task ${count}` });
    if (count % 3 === 0) opened.push(started(phone.browser.tab()));
    await new Promise((next) => setTimeout(next, 8));
  }
  for (const tab of await Promise.all(opened)) await until(() => tab.titles.length === 12);
});

test("a session that was ended asks for a login, and keeps the edits", async () => {
  const { username, phone, laptop } = await twoDevices();
  await until(() => areIdle(phone, laptop));
  await phone.session.call("DELETE", "/accounts/sessions");
  await until(() => laptop.copy.status.value.connection === "signed-out");
  await laptop.copy.create("task", { title: "not sent" });
  assert.equal(laptop.copy.waiting.value, 1);
  await laptop.session.login({ username, password: PASSWORD });
  laptop.copy.wake();
  await until(() => phone.titles.join() === "not sent");
});

test("edits on a device without space stay visible, and are stored and sent in their order when there is space", async () => {
  const { phone, laptop } = await twoDevices();
  await until(() => areIdle(phone, laptop));
  const { store } = phone.browser;
  const write = store.write.bind(store);
  store.write = async () => {
    throw new DOMException("The device is full.", "QuotaExceededError");
  };
  const id = randomUUID();
  await assert.rejects(phone.copy.create("task", { title: "a" }, id), NoSpace);
  await assert.rejects(phone.copy.edit("task", id, { title: "b" }), NoSpace);
  assert.deepEqual([phone.titles, phone.copy.hasUnstored, phone.copy.status.value.connection], [["b"], true, "no-space"]);
  store.write = write;
  await until(() => laptop.titles.join() === "b" && areIdle(phone));
  assert.deepEqual([phone.titles, phone.copy.hasUnstored], [["b"], false]);
});

test("a copy that differs from the server is found and repaired", async () => {
  const { phone } = await twoDevices();
  for (const title of ["a", "b", "c"]) await phone.copy.create("task", { title });
  await until(() => areIdle(phone));
  await phone.copy.check();
  assert.equal(phone.copy.checked.value?.differs, false);
  const [wrong, missing] = phone.copy.tasks.value.values();
  await phone.copy.write(async (tx) => {
    tx.put("task", { id: wrong.id, version: 7, data: { ...wrong, title: "wrong", version: 7 } });
    tx.delete("task", missing.id);
    tx.put("task", { id: randomUUID(), version: 1, data: { title: "never existed" } });
  });
  await phone.copy.check();
  assert.equal(phone.copy.checked.value?.differs, true);
  await phone.copy.repair();
  assert.deepEqual([phone.titles, phone.copy.checked.value?.differs], [["a", "b", "c"], false]);
});

test("after a long time offline, the full state replaces the copy, and edits are sent", async () => {
  const { phone, laptop } = await twoDevices();
  await phone.copy.create("task", { title: "stays" });
  await phone.copy.create("task", { title: "goes" });
  await until(() => areIdle(phone) && laptop.titles.length === 2);
  laptop.copy.stop();
  const longAgo = Date.now() - 40 * 24 * 60 * 60 * 1000;
  await laptop.browser.store.write(async (tx) => tx.put("meta", { name: "complete_at", value: longAgo }));
  laptop.browser.isOnline = false;
  const goes = [...phone.copy.tasks.value.values()].find((task) => task.title === "goes");
  await phone.copy.trash("task", String(goes?.id));
  await until(() => areIdle(phone));
  laptop.browser.isOnline = true;
  let expired = 0;
  const { fetch } = laptop.browser;
  laptop.browser.fetch = async (path, options) => {
    if (!/\/sync\?.*cursor=/.test(String(path)) || expired++) return fetch(path, options);
    const problem = { type: "/problems/cursor-expired", title: "Expired", status: 410 };
    return new Response(JSON.stringify(problem), { status: 410, headers: { "Content-Type": "application/problem+json" } });
  };
  const again = laptop.browser.tab();
  await started(again);
  await again.copy.create("task", { title: "new" });
  await until(() => areIdle(again) && again.titles.join() === "new,stays");
  assert.ok(expired);
  assert.deepEqual(again.copy.issues.value, []);
});

test("a device is never in conflict with itself", { timeout: 120_000 }, async () => {
  for (let seed = 1; seed <= 3; seed++) {
    const { phone } = await twoDevices();
    const random = numbers(seed);
    phone.browser.loses = (path) => path.startsWith("/api/sync") && random() < 0.1;
    for (let step = 0; step < 60; step++) {
      await editSomething(phone, random);
      await new Promise((next) => setTimeout(next, 30 * random()));
    }
    phone.browser.loses = () => false;
    phone.copy.wake();
    await until(() => areIdle(phone));
    assert.deepEqual(phone.copy.issues.value.filter((issue) => issue.status === "conflict"), []);
  }
});

test("two devices and the Python client converge, online and offline, with lost responses", { timeout: 240_000 }, async () => {
  for (let seed = 1; seed <= 3; seed++) {
    const { username, phone, laptop } = await twoDevices();
    const peer = new Peer(server, username, seed);
    ends.push(() => peer.end());
    const random = numbers(seed);
    for (const tab of [phone, laptop]) {
      tab.browser.loses = (path) => path.startsWith("/api/sync") && random() < 0.1;
    }
    for (let step = 0; step < 60; step++) {
      const tab = random() < 0.5 ? phone : laptop;
      if (random() < 0.1) {
        tab.browser.isOnline = !tab.browser.isOnline;
        tab.copy.wake();
      }
      await editSomething(tab, random);
      if (random() < 0.4) await peer.ask("edit");
      if (random() < 0.15) await peer.ask("sync");
      if (random() < 0.2) await new Promise((next) => setTimeout(next, 30));
    }
    for (const tab of [phone, laptop]) {
      Object.assign(tab.browser, { isOnline: true, loses: () => false });
      tab.copy.wake();
    }
    await peer.ask("sync");
    await until(() => areIdle(phone, laptop));
    await peer.ask("sync");
    const state = await peer.ask("state");
    assert.equal(state.in_sync, true);
    for (const tab of [phone, laptop]) {
      await tab.copy.check();
      assert.equal(tab.copy.checked.value?.differs, false);
      assert.deepEqual(tab.items, state.items, `seed ${seed}`);
    }
  }
});

const DAILY = { rule: "FREQ=DAILY", time_zone: "UTC", from: "due" };

/** Make a random edit, if there is an item to edit. @param {import("./device.js").Tab} tab @param {() => number} random */
async function editSomething({ copy }, random) {
  const choose = (/** @type {any[]} */ from) => from[Math.floor(random() * from.length)];
  const task = choose([...copy.tasks.value.keys()]);
  const category = choose([...copy.categories.value.keys()]) ?? null;
  const word = choose([..."abcdefgh"]);
  const actions = [
    () => copy.create("task", { title: word, category }),
    () => copy.create("task", { title: word, parent: task ?? null }),
    () => copy.create("category", { name: `${word} ${random()}` }),
    ...(task
      ? [
          () => copy.edit("task", task, { title: word }),
          () => copy.edit("task", task, choose([{ due_on: "2027-03-02" }, { due_date: "2027-03-02T12:00:00Z" }, { due_on: null, due_date: null }])),
          () => copy.edit("task", task, { description: word, priority: choose([1, 2, 3, 4]) }),
          () => copy.edit("task", task, { category }),
          () => copy.edit("task", task, { state: choose(["done", "done", "open"]) }),
          () => copy.edit("task", task, { due_on: "2027-03-02", recurrence: { ...DAILY, start: "2027-03-02" } }),
          () => copy.edit("task", task, { recurrence: null }),
          async () => (await copy.trash("task", task))(),
          () => copy.trash("task", task),
        ]
      : []),
    ...(category
      ? [() => copy.edit("category", category, { color: choose([null, "#112233"]) }), () => copy.trash("category", category)]
      : []),
  ];
  await choose(actions)();
}

test("an edit stays as it is shown when it is received again", async () => {
  const { phone } = await twoDevices();
  const id = randomUUID();
  await phone.copy.create("task", { title: "due", due_date: "2030-01-01T23:59:00.000Z" }, id);
  const before = phone.copy.tasks.value.get(id)?.due_date;
  await until(() => areIdle(phone));
  assert.equal(phone.copy.tasks.value.get(id)?.due_date, before);
});

test("a task that recurs and is completed on two devices without a connection has one next, and undoing takes it back", async () => {
  const { phone, laptop } = await twoDevices();
  const id = randomUUID();
  await phone.copy.create("task", { title: "Water", due_on: "2030-01-01", recurrence: { ...DAILY, start: "2030-01-01" } }, id);
  await until(() => areIdle(phone, laptop) && laptop.copy.tasks.value.has(id));
  const undos = [];
  for (const { browser, copy } of [phone, laptop]) {
    browser.isOnline = false;
    undos.push(await copy.edit("task", id, { state: "done" }));
  }
  for (const { browser, copy } of [phone, laptop]) {
    browser.isOnline = true;
    copy.wake();
  }
  const due = (/** @type {import("./device.js").Tab} */ { copy }) => [...copy.tasks.value.values()].map(({ state, due_on, recurrence }) => `${state} ${due_on} ${recurrence?.rule}`).sort();
  const both = ["done 2030-01-01 undefined", "open 2030-01-02 FREQ=DAILY"];
  for (const tab of [phone, laptop]) await until(() => areIdle(tab) && String(due(tab)) === String(both), () => due(tab));
  assert.deepEqual([phone, laptop].flatMap(({ copy }) => copy.issues.value), []);
  await undos[0]();
  for (const tab of [phone, laptop]) await until(() => areIdle(tab) && String(due(tab)) === "open 2030-01-01 FREQ=DAILY", () => due(tab));
});

test("a task that is not due any more does not recur, and undoing gives it its rule again", async () => {
  const { phone } = await twoDevices();
  const id = randomUUID();
  phone.browser.isOnline = false;
  await phone.copy.create("task", { title: "Water", due_on: "2030-01-01", recurrence: { ...DAILY, start: "2030-01-01" } }, id);
  const task = () => phone.copy.tasks.value.get(id);
  const undo = await phone.copy.edit("task", id, { due_on: null, due_date: null });
  assert.equal(task()?.recurrence, null);
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => areIdle(phone));
  assert.deepEqual([task()?.due_on, task()?.recurrence, phone.copy.issues.value], [null, null, []]);
  await undo();
  const before = JSON.stringify(task()?.recurrence);
  await until(() => areIdle(phone));
  assert.deepEqual([task()?.due_on, JSON.stringify(task()?.recurrence)], ["2030-01-01", before]); // it is not marked as new
});

test("a due day and a due date that two devices set are a conflict of both, and undo restores either", async () => {
  const { phone, laptop } = await twoDevices();
  const id = randomUUID();
  const dueOf = (/** @type {import("./device.js").Tab} */ tab) => {
    const task = tab.copy.tasks.value.get(id);
    return [task?.due_on ?? null, task?.due_date ?? null];
  };
  const [day, moment] = ["2030-01-02", "2030-01-01T12:00:00Z"];
  await phone.copy.create("task", { title: "due", due_date: moment }, id);
  const undo = await phone.copy.edit("task", id, { due_on: day });
  assert.deepEqual(dueOf(phone), [day, null]);
  await until(() => areIdle(phone) && dueOf(laptop)[0] === day);
  assert.deepEqual(dueOf(laptop), [day, null]);
  await undo();
  assert.deepEqual(dueOf(phone), [null, moment]);
  await until(() => areIdle(phone) && dueOf(laptop)[1] === moment);
  assert.deepEqual(dueOf(laptop), [null, moment]);
  const theirs = "2030-01-03T09:00:00Z";
  phone.browser.isOnline = false;
  await phone.copy.edit("task", id, { due_on: day });
  await laptop.copy.edit("task", id, { due_date: theirs });
  await until(() => areIdle(laptop));
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => phone.copy.issues.value.length === 1);
  const [issue] = phone.copy.issues.value;
  assert.deepEqual(issue.conflicts, {
    due_on: { base: null, yours: day, theirs: null },
    due_date: { base: moment, yours: null, theirs },
  });
  await until(() => dueOf(phone)[1] === theirs);
  await phone.copy.resolve(issue, issue.data);
  await until(() => areIdle(phone) && dueOf(laptop)[0] === day);
  assert.deepEqual(dueOf(laptop), [day, null]);
});

test("a task that is restored twice is restored once, and is not in the trash any more", async () => {
  const { username, phone } = await twoDevices();
  const id = randomUUID();
  await phone.copy.create("task", { title: "deleted" }, id);
  await phone.copy.trash("task", id);
  await until(() => areIdle(phone));
  const laptop = await signedIn(username); // it has never had the task
  await until(() => areIdle(laptop));
  await laptop.copy.ask(TRASH);
  laptop.browser.isOnline = false;
  const [undo] = await Promise.all([laptop.copy.restore(id), laptop.copy.restore(id)]);
  assert.deepEqual(laptop.copy.answers.value.get(TRASH)?.results, []);
  assert.equal(laptop.copy.waiting.value, 1);
  await undo();
  assert.deepEqual(laptop.copy.answers.value.get(TRASH)?.results.map(({ title }) => title), ["deleted"]);
  await laptop.copy.restore(id);
  laptop.browser.isOnline = true;
  laptop.copy.wake();
  await until(() => areIdle(laptop) && laptop.titles.length === 1);
  await laptop.copy.restore(id);
  await until(() => areIdle(laptop));
  assert.deepEqual(laptop.copy.issues.value, []);
});

/** Return the owner of a list and an editor, who has it with a task and a subtask. */
async function sharedList() {
  const [owner, editor] = [await signedIn(), await signedIn()];
  const [category, task, below] = [randomUUID(), randomUUID(), randomUUID()];
  await owner.copy.create("category", { name: "Shopping" }, category);
  await owner.copy.create("task", { title: "Milk", category }, task);
  await owner.copy.create("task", { title: "Oat milk", parent: task }, below);
  await until(() => areIdle(owner));
  const shares = `/categories/${category}/shares`;
  const { user } = await editor.session.root();
  await owner.copy.request("POST", shares, { username: user?.username, role: "editor" });
  await until(() => editor.titles.length === 2 && owner.copy.tasks.value.get(below)?.category === category);
  return { owner, editor, category, task, below, member: `${shares}/${user?.id}` };
}

test("an edit that is made while access ends is kept with its item, and can become an own task", async () => {
  const { owner, editor, category, task, below, member } = await sharedList();
  await editor.copy.ask(historyOf(task));
  await owner.copy.request("DELETE", member);
  await until(() => editor.titles.length === 0);
  assert.equal(editor.copy.answers.value.has(historyOf(task)), false);
  await editor.copy.edit("task", below, { description: "of the blue brand" });
  await editor.copy.create("task", { title: "Cake", category, parent: task });
  await until(() => areIdle(editor) && editor.copy.issues.value.length === 2);
  assert.deepEqual(owner.copy.issues.value, []);
  assert.deepEqual(editor.copy.issues.value.map(({ item, data }) => item.title ?? data.title).sort(), ["Cake", "Oat milk"]);
  for (const issue of editor.copy.issues.value) await editor.copy.resolve(issue, issue.data);
  await until(() => areIdle(editor) && editor.titles.join() === "Cake,Oat milk");
  assert.deepEqual(editor.copy.issues.value, []);
  for (const each of editor.copy.tasks.value.values()) assert.deepEqual([each.category, each.parent], [null, null]);
  assert.deepEqual(owner.titles, ["Milk", "Oat milk"]);
});

test("why an item is gone is known: it was deleted, or is not shared any more", async () => {
  const { owner, editor, category, task, below, member } = await sharedList();
  await owner.copy.trash("task", below);
  await until(() => areIdle(owner) && editor.titles.length === 1);
  assert.equal(editor.copy.whyGone(below), "deleted");
  await owner.copy.request("DELETE", member);
  await until(() => editor.titles.length === 0);
  assert.deepEqual([task, category, randomUUID()].map((id) => editor.copy.whyGone(id)), ["revoked", "revoked", "unknown"]);
});

test("a new task of an editor who may only view by then can become an own task", async () => {
  const { owner, editor, category, task, member } = await sharedList();
  editor.browser.isOnline = false;
  await editor.copy.create("task", { title: "Cake", category, parent: task });
  await owner.copy.request("PUT", member, { role: "viewer" });
  editor.browser.isOnline = true;
  editor.copy.wake();
  await until(() => editor.copy.issues.value.length === 1 && editor.copy.categories.value.get(category)?.role === "viewer");
  const [issue] = editor.copy.issues.value;
  await editor.copy.resolve(issue, issue.data);
  await until(() => areIdle(editor) && editor.titles.join() === "Cake,Milk,Oat milk");
  assert.deepEqual(editor.copy.issues.value, []);
});

test("a conflict about a task that was deleted meanwhile restores it, with its subtasks and its history, and undo deletes it again", async () => {
  const { phone, laptop } = await twoDevices();
  const [id, below] = [randomUUID(), randomUUID()];
  await phone.copy.create("task", { title: "a" }, id);
  await phone.copy.create("task", { title: "below", parent: id }, below);
  await until(() => laptop.titles.length === 2);
  phone.browser.isOnline = false;
  await phone.copy.edit("task", id, { title: "phone", priority: 4 });
  await laptop.copy.edit("task", id, { title: "laptop" });
  await until(() => areIdle(laptop));
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => phone.copy.issues.value.length === 1);
  await laptop.copy.trash("task", id);
  await until(() => phone.titles.length === 0);
  const [issue] = phone.copy.issues.value;
  assert.equal(phone.copy.isRestorable(issue), true);
  const undo = await phone.copy.resolve(issue, issue.data);
  await until(() => areIdle(phone) && laptop.titles.join() === "below,phone");
  assert.deepEqual([phone.titles, phone.copy.tasks.value.get(id)?.priority], [["below", "phone"], 4]);
  assert.deepEqual(phone.copy.issues.value, []);
  await undo();
  assert.equal(phone.copy.issues.value.length, 1);
  await until(() => areIdle(phone) && laptop.titles.length === 0);
  // The same when the device itself has deleted it, and the server does not know yet.
  await phone.copy.restore(id);
  await until(() => areIdle(phone) && laptop.titles.length === 2);
  phone.browser.isOnline = false;
  await phone.copy.trash("task", id);
  await phone.copy.resolve(phone.copy.issues.value[0], issue.data);
  assert.deepEqual(phone.titles, ["below", "phone"]);
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => areIdle(phone) && laptop.titles.join() === "below,phone");
  assert.deepEqual(phone.copy.issues.value, []);
});

test("a conflict about a task that was deleted for good meanwhile keeps the whole change for the user", async () => {
  const { phone, laptop } = await twoDevices();
  const id = randomUUID();
  await phone.copy.create("task", { title: "a" }, id);
  await until(() => laptop.titles.length === 1);
  phone.browser.isOnline = false;
  await phone.copy.edit("task", id, { title: "phone" });
  await laptop.copy.trash("task", id);
  await until(() => areIdle(laptop));
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => phone.copy.issues.value.length === 1 && phone.titles.length === 0);
  await laptop.copy.purge(id);
  await phone.copy.resolve(phone.copy.issues.value[0], { title: "phone" });
  await until(() => areIdle(phone) && phone.copy.issues.value.length === 1);
  const [issue] = phone.copy.issues.value;
  assert.deepEqual([issue.op, issue.data, phone.titles], ["restore", { title: "phone" }, []]);
  await phone.copy.resolve(issue, issue.data);
  await until(() => areIdle(phone) && laptop.titles.join() === "phone");
});

test("a task takes along the subtasks of its category when it is filed in another, and one undo moves all back", async () => {
  const { phone, laptop } = await twoDevices();
  const [home, garden, work] = [randomUUID(), randomUUID(), randomUUID()];
  const ids = { top: randomUUID(), below: randomUUID(), deep: randomUUID(), other: randomUUID() };
  for (const [id, name] of [[home, "Home"], [garden, "Garden"], [work, "Work"]]) await phone.copy.create("category", { name }, id);
  await phone.copy.create("task", { title: "top", category: home }, ids.top);
  await phone.copy.create("task", { title: "below", category: home, parent: ids.top }, ids.below);
  await phone.copy.create("task", { title: "deep", category: home, parent: ids.below }, ids.deep);
  await phone.copy.create("task", { title: "other", category: work, parent: ids.top }, ids.other);
  const filed = (/** @type {import("./device.js").Tab} */ tab) => Object.values(ids).map((id) => tab.copy.tasks.value.get(id)?.category).join();
  const all = (/** @type {string} */ category) => [category, category, category, work].join();
  await until(() => filed(laptop) === all(home));
  phone.browser.isOnline = false;
  const undo = await phone.copy.edit("task", ids.top, { category: garden });
  assert.equal(filed(phone), all(garden));
  phone.browser.isOnline = true;
  phone.copy.wake();
  await until(() => filed(laptop) === all(garden));
  await undo();
  assert.equal(filed(phone), all(home));
  await until(() => areIdle(phone) && filed(laptop) === all(home));
  assert.deepEqual(phone.copy.issues.value, []);
});

test("a task takes along its subtasks into a shared category, out of it and back", async () => {
  const { owner, editor, category, task, below } = await sharedList();
  const home = randomUUID();
  await owner.copy.create("category", { name: "Home" }, home);
  const filed = () => [task, below].map((id) => owner.copy.tasks.value.get(id)?.category).join();
  const undoOut = await owner.copy.edit("task", task, { category: home });
  assert.equal(filed(), [home, home].join());
  await until(() => areIdle(owner) && filed() === [home, home].join() && editor.titles.length === 0);
  await undoOut();
  assert.equal(filed(), [category, category].join());
  await until(() => areIdle(owner) && filed() === [category, category].join() && editor.titles.length === 2);
  await owner.copy.edit("task", task, { category: home });
  await until(() => areIdle(owner) && editor.titles.length === 0);
  const undoIn = await owner.copy.edit("task", task, { category });
  await until(() => areIdle(owner) && editor.titles.length === 2);
  await undoIn();
  assert.equal(filed(), [home, home].join());
  await until(() => areIdle(owner) && filed() === [home, home].join() && editor.titles.length === 0);
  assert.deepEqual(owner.copy.issues.value, []);
});
