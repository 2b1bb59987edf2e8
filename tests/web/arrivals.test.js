// What others have just changed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { arrived, markArrivals } from "../../src/tasktracker_web/arrivals.js";
import { Collection } from "../../src/tasktracker_web/sync/collection.js";

test("what arrives is marked for a moment, and what was changed here is not", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {Collection<any>} */
  const tasks = new Collection();
  let isComplete = false;
  markArrivals({ tasks, isComplete: { peek: () => isComplete } });
  const set = (/** @type {any[]} */ ...items) => {
    const found = new Map(items.map((item) => [item.id, item]));
    tasks.update(found.keys(), (id) => found.get(id));
  };
  const marked = () => Object.fromEntries([...arrived.value].map(([id, names]) => [id, [...names]]));

  set({ id: "a", title: "first", version: 1 });
  isComplete = true;
  set({ id: "a", title: "mine", version: 1, pending: true });
  set({ id: "a", title: "mine", version: 2 });
  assert.deepEqual(marked(), {});
  set({ id: "a", title: "theirs", priority: 4, version: 3 });
  context.mock.timers.tick(2000);
  set({ id: "b", title: "new", version: 1 });
  assert.deepEqual(marked(), { a: ["title", "priority"], b: ["title"] });
  context.mock.timers.tick(2000);
  assert.deepEqual(marked(), { b: ["title"] });
  context.mock.timers.tick(2000);
  assert.deepEqual(marked(), {});
  set(...Array.from({ length: 51 }, (_, index) => ({ id: `${index}`, title: "many", version: 1 })));
  assert.deepEqual(marked(), {});
});
