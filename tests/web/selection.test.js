// The tasks that are selected.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isSelecting, select, selectAll, selected, selectShown, selectTo } from "../../src/tasktracker_web/selection.js";

test("a task that is not shown any more is not selected any more", () => {
  selectAll(["a", "b", "c"]);
  selectShown(["c", "x", "a"].map((id) => ({ id })));
  assert.deepEqual([...selected.value].sort(), ["a", "c"]);
  const before = selected.value;
  selectShown(["a", "b", "c"].map((id) => ({ id })));
  assert.equal(selected.value, before);
});

test("selecting ends when none of the selected tasks is shown any more", () => {
  isSelecting.value = true;
  selectAll(["a", "b"]);
  selectShown([{ id: "b" }, { id: "c" }]);
  assert.equal(isSelecting.value, true);
  selectShown([{ id: "c" }]);
  assert.deepEqual([selected.value.size, isSelecting.value], [0, false]);
});

test("a range begins at the task that was selected last", () => {
  selectAll([]);
  select("c");
  selectTo(["a", "b", "c", "d"], "a");
  assert.deepEqual([...selected.value].sort(), ["a", "b", "c"]);
});
