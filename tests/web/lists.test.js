// The lists of tasks, which are kept sorted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Lists, sorted } from "../../src/tasktracker_web/lists.js";
import { inOrder, isOpen, ORDERS } from "../../src/tasktracker_web/tasks.js";
import { Collection } from "../../src/tasktracker_web/sync/collection.js";

const ROUNDS = 300;
const COUNT = 400;

/** Return a whole number below a limit: the same ones in each run. */
let seed = 42;
function random(/** @type {number} */ limit) {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor((seed / 2 ** 31) * limit);
}

/** @returns {any} */
function task(/** @type {number} */ number) {
  const day = `2030-01-0${1 + random(9)}`;
  const due = [{ due_on: day, due_date: null }, { due_on: null, due_date: `${day}T00:00:00Z` }, { due_date: null }][random(3)];
  const state = random(4) ? "open" : "done";
  const others = { category: random(2) ? "home" : null, parent: random(9) ? null : "7", owner: random(3) ? "me" : "other" };
  return { ...others, id: `${number}`, state, ...due, priority: 1 + random(4), created_at: `2029-01-0${1 + random(9)}T00:00:00Z`, title: `t${random(20)}` };
}

test("a list that is kept sorted is the same as one that is sorted again", () => {
  /** @type {Collection<any>} */
  const tasks = new Collection();
  const list = sorted(tasks, isOpen, inOrder);
  const { counts, children, shared, below, doneBelow, openBy } = new Lists(tasks, "me", new Collection());
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Map();
    for (let changes = random(round % 10 ? 9 : COUNT); changes >= 0; changes--) {
      const number = random(COUNT);
      next.set(`${number}`, random(3) ? task(number) : undefined);
    }
    tasks.update(next.keys(), (id) => next.get(id));
    const all = [...tasks.value.values()].sort(inOrder);
    const open = all.filter(isOpen);
    assert.deepEqual(list.value, open);
    for (const [name, order] of Object.entries(ORDERS)) assert.deepEqual(openBy(name).value, [...open].sort(order));
    for (const name of ["home", null]) {
      assert.equal(counts.value.get(name) ?? 0, open.filter(({ category }) => category === name).length);
    }
    const subtasks = all.filter(({ parent }) => parent === "7");
    assert.equal(below.value.get("7") ?? 0, subtasks.length);
    assert.equal(doneBelow.value.get("7") ?? 0, subtasks.filter((each) => !isOpen(each)).length);
    assert.deepEqual(children.value.get("7") ?? [], subtasks);
    assert.deepEqual(shared.value.get("other") ?? [], open.filter(({ owner }) => owner === "other"));
  }
});

test("the user will be reminded of a task if a reminder waits", () => {
  /** @type {Collection<any>} */
  const reminders = new Collection();
  const { reminded } = new Lists(new Collection(), "me", reminders);
  const all = new Map([["1", { fires_at: "2000-01-01T00:00:00Z" }], ["2", { fires_at: null }], ["3", { fires_at: "9000-01-01T00:00:00Z" }], ["4", { fires_at: null, pending: true }]]);
  reminders.update(all.keys(), (id) => ({ id, task: `task ${id}`, pending: false, ...all.get(id) }));
  assert.deepEqual([...reminded.value], ["task 3", "task 4"]);
  const before = reminded.value;
  reminders.update(["2"], () => undefined);
  assert.equal(reminded.value, before);
});

test("a list to which nothing has happened is not another one", () => {
  /** @type {Collection<any>} */
  const tasks = new Collection();
  tasks.update(["1"], () => ({ ...task(1), state: "open" }));
  const list = sorted(tasks, isOpen, inOrder);
  const before = list.value;
  tasks.update(["2"], () => ({ ...task(2), state: "done" }));
  tasks.update(["1"], () => ({ ...before[0] }));
  assert.equal(list.value, before);
});
