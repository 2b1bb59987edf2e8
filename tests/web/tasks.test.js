// What a role allows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { canFile } from "../../src/tasktracker_web/tasks.js";

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
