// The catalogues of texts.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";

const APP = new URL("../../src/tasktracker_web/", import.meta.url);
/** The folders of the texts: those of the first view, and of the parts that are loaded on demand. */
const PARTS = ["", "keys/", "settings/", "admin/", "sharing/", "category/", "recurrence/", "reminders/"];

/** Return all texts of a language. No part replaces one of another. @param {string} language */
async function catalogue(language) {
  const parts = await Promise.all(PARTS.map((part) => import(`${APP}texts/${part}${language}.js`)));
  /** @type {[string, string][]} */
  const entries = parts.flatMap(({ texts }) => Object.entries(texts));
  assert.equal(new Set(entries.map(([key]) => key)).size, entries.length);
  return Object.fromEntries(entries);
}

const [en, de] = await Promise.all(["en", "de"].map(catalogue));

test("every language has the same texts, with the same placeholders", () => {
  assert.deepEqual(Object.keys(de), Object.keys(en));
  const placeholders = (/** @type {string} */ text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const key of Object.keys(en)) assert.deepEqual(placeholders(de[key]), placeholders(en[key]), key);
});

test("every text that the app names exists, and every text is used", async () => {
  const names = await readdir(APP, { recursive: true });
  const files = names.filter((name) => name.endsWith(".js") && !/^(vendor|sync)\/|texts\/(\w+\/)?(de|en)/.test(name));
  const code = (await Promise.all(files.map((name) => readFile(new URL(name, APP), "utf8")))).join("\n");
  const literals = new Set([...code.matchAll(/"([\w.-]+)"/g)].map(([, text]) => text));
  for (const [, key] of code.matchAll(/\bt\("([^"]+)"/g)) assert.ok(key in en, key);
  const begins = [...code.matchAll(/(?:\bt\(|label: )`([\w.-]*\.)\$\{/g)].map(([, begin]) => begin);
  const isUsed = (/** @type {string} */ key) =>
    literals.has(key.replace(/_one$/, "")) || begins.some((begin) => key.startsWith(begin));
  assert.deepEqual(Object.keys(en).filter((key) => !isUsed(key)), []);
});

test("a moment of another year is shown with its time", async () => {
  const { dayAndTime } = await import(`${APP}texts/texts.js`);
  const now = new Date(2026, 10, 30, 12);
  assert.match(dayAndTime(new Date(2027, 0, 15, 10, 5), now), /2027.*10:05/);
  assert.match(dayAndTime(new Date(2026, 11, 15, 10, 5), now), /15.*10:05/);
});
