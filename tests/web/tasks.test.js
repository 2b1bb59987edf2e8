// When tasks are due, and what a role allows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withCleared, dueAsOne, isSame } from "../../src/tasktracker_web/sync/items.js";
import { canFile, dayDue, dueBefore, firstAddedFirst, inOrder, newest } from "../../src/tasktracker_web/tasks.js";
import { dateFrom, dayFrom, dueText } from "../../src/tasktracker_web/texts/texts.js";

/** @type {any} */
const CATEGORIES = new Map(
  [
    { id: "mine", role: "owner", members: [] },
    { id: "mine shared", role: "owner", members: [{ user_id: "friend", role: "editor" }] },
    { id: "theirs", role: "editor", members: [{ user_id: "me", role: "editor" }] },
    { id: "to read", role: "viewer", members: [{ user_id: "me", role: "viewer" }] },
  ].map((each) => [each.id, each]),
);
const PLACES = [null, "mine", "mine shared", "theirs", "to read"];

/** Return the places in which `me` may file the first of some tasks, of which each is below the one before it. @param {any[]} given */
function placesOf(...given) {
  const tasks = given.map((each, index) => ({ id: `${index}`, version: 1, category: null, owner: "me", created_by: "me", owners: ["me"], ...each }));
  const children = new Map(tasks.filter(({ parent }) => parent).map((each) => [each.parent, [each]]));
  const copy = { tasks: new Map(tasks.map((each) => [each.id, each])), categories: CATEGORIES, children };
  return PLACES.filter((place) => canFile(tasks[0], place, "me", copy));
}

const ANYWHERE = [null, "mine", "mine shared", "theirs"];

test("subtasks are in the order in which they were added, also those that the server does not have yet", () => {
  /** @type {any[]} */
  const tasks = [
    { id: "a", created_at: null, made: 9 },
    { id: "b", created_at: null, made: 8 },
    { id: "c", created_at: "2026-01-02T00:00:00Z" },
    { id: "d", created_at: "2026-01-01T00:00:00Z", due_on: "2030-01-01", priority: 4 },
  ];
  assert.deepEqual(tasks.sort(firstAddedFirst).map(({ id }) => id).join(""), "dcba");
});

test("the owner of a task files it anywhere but in a category that is only to be read", () => {
  assert.deepEqual(placesOf({}), ANYWHERE);
  assert.deepEqual(placesOf({ category: "mine" }), ANYWHERE);
  assert.deepEqual(placesOf({ category: "mine shared", created_by: "friend" }), ANYWHERE);
});

test("an editor takes a task out of a category only after creating all of it", () => {
  const theirs = { category: "theirs", owner: "friend" };
  assert.deepEqual(placesOf(theirs), ANYWHERE);
  assert.deepEqual(placesOf({ ...theirs, created_by: "friend" }), ["theirs"]);
  assert.deepEqual(placesOf(theirs, { ...theirs, parent: "0", created_by: "friend" }), ["theirs"]);
  assert.deepEqual(placesOf(theirs, { ...theirs, parent: "0", created_by: null, version: null }), ANYWHERE);
});

test("a subtask stays in the shared category of its topmost task, and is put in no other", () => {
  assert.deepEqual(placesOf({ parent: "1" }, {}), [null, "mine"]);
  assert.deepEqual(placesOf({ parent: "1", category: "mine shared" }, { category: "mine shared" }), ["mine shared"]);
  assert.deepEqual(placesOf({ parent: "1", category: "mine shared" }, {}), [null, "mine", "mine shared"]);
});

test("who can only edit or view a task does not file it", () => {
  assert.deepEqual(placesOf({ owner: "friend" }), []);
  assert.deepEqual(placesOf({ owner: "friend", category: "to read" }), []);
});

const ZONES = ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago", "UTC"];

test("a due day is the same day in every time zone, and over at its midnight", () => {
  for (const zone of ZONES) {
    process.env.TZ = zone;
    for (const day of ["0001-01-01", "1999-12-31", "2026-04-05", "2026-09-05", "2027-03-01", "9999-12-31"]) {
      /** @type {any} */
      const task = { due_on: day, due_date: null };
      assert.equal(dayFrom(dateFrom(day)), day);
      assert.equal(dayFrom(dayDue(task)), day);
      const midnight = dateFrom(day);
      midnight.setDate(midnight.getDate() + 1);
      assert.equal(dueBefore(task, new Date(midnight.getTime() - 1)), false, `${day} in ${zone}`);
      if (day !== "9999-12-31") assert.equal(dueBefore(task, midnight), true, `${day} in ${zone}`);
      assert.match(dueText(task, dateFrom("2027-03-01")), day === "2027-03-01" ? /^Today$/ : /\d/);
    }
  }
});

test("days are after the moments of the day, and rows of an earlier version have none", () => {
  process.env.TZ = "Pacific/Kiritimati"; // +14:00
  const tasks = [
    { id: "before", due_on: null, due_date: "2031-03-01T09:59:59.999999Z" },
    { id: "day", due_on: "2031-03-01", due_date: null },
    { id: "after", due_date: "2031-03-01T10:00:00Z" },
    { id: "next", due_on: "2031-03-02", due_date: null },
    { id: "never", due_date: null },
    { id: "never again", due_on: null, due_date: null },
  ].map((each, index) => ({ ...each, priority: 2, created_at: `2030-01-0${9 - index}T00:00:00Z` }));
  const sorted = [...tasks].reverse().sort(/** @type {any} */ (inOrder));
  assert.deepEqual(sorted, tasks);
  assert.equal(dueBefore(/** @type {any} */ (tasks[4]), new Date()), false);
  assert.ok(isSame(undefined, null) && !isSame(undefined, "2031-03-01"));
});

test("a due day and a due date are one field, of which setting one clears the other", () => {
  assert.deepEqual(withCleared({ due_on: "2027-03-01" }), { due_on: "2027-03-01", due_date: null });
  assert.deepEqual(withCleared({ due_date: "2027-03-01T00:00:00Z", title: "a" }), { due_on: null, due_date: "2027-03-01T00:00:00Z", title: "a" });
  assert.deepEqual(withCleared({ due_date: null, title: "a" }), { due_date: null, title: "a" });
  const title = { before: "a", after: "b" };
  assert.deepEqual(dueAsOne({ title }), { title });
  assert.deepEqual(dueAsOne({ due_date: { before: "2027-03-01T00:00:00Z", after: null }, title }), {
    title,
    due: { before: { due_on: null, due_date: "2027-03-01T00:00:00Z" }, after: { due_on: null, due_date: null } },
  });
});

test("the newest occurrence of a series is found over those that are done", () => {
  const made = [["a", "b"], ["b", "c"], ["c", null], ["d", "gone"], ["e", "f"], ["f", "e"]].map(([id, next]) => /** @type {any} */ ({ id, next }));
  const tasks = new Map(made.map((each) => [each.id, each]));
  assert.equal(made.map((each) => newest(tasks, each).id).join(""), "cccdef");
});
