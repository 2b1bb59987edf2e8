// The message about the last action, and undoing it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { shown, undoable, undoLast } from "../../src/tasktracker_web/toasts.js";

/** @typedef {import("../../src/tasktracker_web/sync/copy.js").Undo} Undo */

test("an action that is not stored yet is undone as soon as it is stored", async () => {
  /** @type {string[]} */
  const done = [];
  let store = /** @type {(undo: Undo) => unknown} */ (String);
  /** @type {Promise<Undo>} */
  const storing = new Promise((resolve) => (store = resolve));
  const doing = undoable(storing, "changed");
  const undoing = undoLast();
  await undoLast(); // only once
  assert.equal(done.length, 0);
  store(async () => done.push("undone"));
  await Promise.all([doing, undoing]);
  assert.deepEqual([done, shown.value?.text], [["undone"], "Change undone"]);
  await undoLast();
  assert.deepEqual(done, ["undone"]);
});

test("an action that could not be stored cannot be undone", async () => {
  const doing = undoable(Promise.reject(new Error("no disk")), "changed");
  const undoing = undoLast();
  await assert.rejects(doing, /no disk/);
  await undoing;
  assert.equal(shown.value?.text, "This could not be stored on this device.");
  shown.value = null;
  await undoLast();
  assert.equal(shown.value, null);
});
