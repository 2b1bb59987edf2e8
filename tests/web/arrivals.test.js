// What others have just changed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { arrived, left, markArrivals, sayWhatPasses } from "../../src/tasktracker_web/arrivals.js";
import { Collection } from "../../src/tasktracker_web/sync/collection.js";
import { shown } from "../../src/tasktracker_web/toasts.js";

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
  set({ id: "b", title: "new", version: 1, recurrence: { rule: "FREQ=DAILY" }, state: "done", pending: true });
  set({ id: "b", title: "new", version: 2, recurrence: null, state: "done", next: "c" }); // the rule has moved
  assert.deepEqual(marked(), {});
  set(...Array.from({ length: 51 }, (_, index) => ({ id: `${index}`, title: "many", version: 1 })));
  assert.deepEqual(marked(), {});
});

test("categories of others that pass to the user, or are gone, are named", () => {
  /** @type {Collection<any>} */
  const categories = new Collection();
  sayWhatPasses({ categories, isComplete: { peek: () => true } }, "me");
  const set = (/** @type {string} */ id, /** @type {string | undefined} */ owner) => categories.update([id], () => owner && { id, name: id, owner });
  const said = () => {
    const text = shown.value?.text;
    shown.value = null;
    return text;
  };
  for (const id of ["garden", "ledger", "left"]) set(id, "linus");
  set("own", "me");
  set("own", undefined);
  left.add("left");
  set("left", undefined);
  assert.equal(said(), undefined);
  set("garden", "me");
  assert.equal(said(), "Now you own: “garden”");
  set("ledger", undefined);
  assert.equal(said(), "Deleted, or no longer shared with you: “ledger”");
});
