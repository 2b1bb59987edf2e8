// Recurrences in words, in English. A language is that of the whole process.

import assert from "node:assert/strict";
import { test } from "node:test";
import { COMPLETION, DUE } from "./words.js";

process.env.TZ = "UTC";
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en-GB"] }, configurable: true });
const { inWords } = await import("../../src/tasktracker_web/recurrence/words.js");

test("rules are said in English", () => {
  const said = (/** @type {"due" | "completion"} */ from) => (/** @type {string[]} */ [rule]) => inWords({ rule, from, start: "2026-11-25" });
  assert.deepEqual(DUE.map(said("due")), DUE.map((each) => each[1]));
  assert.deepEqual(COMPLETION.map(said("completion")), COMPLETION.map((each) => each[1]));
});
