// Storing the result of a sent edit, within the caller's transaction (docs/sync.md, "Statuses").

import { isPersonal, REFERENCES } from "./items.js";
import { alias, queue } from "./outbox.js";

/** @typedef {import("./store.js").Transaction} Transaction */
/** @typedef {import("./store.js").Edit} Edit */
/** @typedef {import("./store.js").Issue} Issue */
/** @typedef {import("./outbox.js").Context} Context */
/**
 * @typedef {object} Result
 * @property {string} status
 * @property {number | null} version
 * @property {Issue["conflicts"]} conflicts
 * @property {import("./items.js").Fields | null} problem
 * @property {string[]} dropped
 * @property {{ type: string, id: string } | null} existing
 */

const DONE = ["applied", "merged", "duplicate"];

/** Whether a problem is that the user does not have the item. @param {import("./items.js").Fields | null} problem */
export function isNotFound(problem) {
  return /\/(task|category|reminder|notification)-not-found$/.test(problem?.type ?? "");
}

/**
 * Store the result of an edit. Store an issue if the server did not accept the edit as a whole.
 * @param {Transaction} tx
 * @param {Context} context
 * @param {Edit} sent
 * @param {Result} result
 */
export async function settle(tx, context, sent, result) {
  const edits = /** @type {Edit[]} */ (await tx.getAll("outbox", sent.target));
  const edit = edits.find((each) => each.id === sent.id && each.done_version === null);
  if (!edit) return; // already settled: this answer was received twice
  if (edit.op === "delete" && result.status === "rejected" && isNotFound(result.problem)) {
    result = { ...result, status: "applied", version: edit.base_version ?? 0, problem: null };
  }
  if (isVain(edit, result)) return tx.delete("outbox", edit.number);
  const waiting = edits.filter((each) => !each.sent);
  if (DONE.includes(result.status)) await done(tx, context, edit, waiting, result);
  else await refused(tx, context, edit, waiting, result);
}

/**
 * Whether a refused edit of an item that only its user sees needs no decision: its task or it is gone, or another
 * device has set the same reminder.
 * @param {Edit} edit @param {Result} result
 */
function isVain({ type }, { status, problem }) {
  const isSet = problem?.errors?.some((/** @type {{ message: string }} */ { message }) => message === "is set for this task already");
  return isPersonal(type) && status === "rejected" && (isNotFound(problem) || isSet);
}

/** @param {Transaction} tx @param {Context} context @param {Edit} edit @param {Edit[]} waiting @param {Result} result */
async function done(tx, context, edit, waiting, result) {
  const version = /** @type {number} */ (result.version);
  const base = edit.base_version;
  const isNext = edit.op === "create" || (base !== null && version === base + 1);
  tx.put("outbox", { ...edit, done_version: version, reached: isNext ? version : null });
  for (const later of waiting) {
    // Others made no edits between `base` and this version, so later local edits of the item are based on it.
    if (isNext && later.base_version === base) tx.put("outbox", { ...later, base_version: version, own: [] });
    else if (later.base_version !== null && later.base_version < version) {
      tx.put("outbox", { ...later, own: [...later.own, edit.id] });
    }
  }
  await dropped(tx, context, edit, waiting, result);
}

/**
 * Set fields again that the server left out because they refer to an item that has another id on the server.
 * @param {Transaction} tx @param {Context} context @param {Edit} edit @param {Edit[]} waiting @param {Result} result
 */
async function dropped(tx, context, edit, waiting, result) {
  /** @type {import("./items.js").Fields} */
  const data = {};
  for (const name of result.dropped ?? []) {
    if (!(name in edit.data) || waiting.some((later) => name in later.data)) continue;
    const value = edit.data[name];
    const existing = name in REFERENCES ? await alias(tx, value) : value;
    if (existing === value) data[name] = value;
    else await queue(tx, context, { type: edit.type, op: "update", target: edit.target, data: { [name]: existing } });
  }
  if (Object.keys(data).length) await report(tx, context, { ...edit, op: "update", data }, result, "partial");
}

/** @param {Transaction} tx @param {Context} context @param {Edit} edit @param {Edit[]} waiting @param {Result} result */
async function refused(tx, context, edit, waiting, result) {
  let [data, isDeleted] = [edit.data, false];
  if (edit.op === "create" || edit.op === "restore") {
    // The item's later edits cannot be applied, either. They become part of the issue.
    for (const later of waiting) {
      data = { ...data, ...later.data };
      isDeleted = later.op === "delete";
      tx.delete("outbox", later.number);
    }
    const existing = existingOf(result);
    if (edit.op === "create" && existing !== null && edit.type === "category") await useExisting(tx, edit.target, existing);
  }
  const status = result.status === "conflict" ? "conflict" : "rejected"; // an unknown status is kept for the user, too
  if (!isDeleted) await report(tx, context, { ...edit, data }, result, status);
  tx.delete("outbox", edit.number);
}

/**
 * Use an existing category instead of one created here, also in edits of tasks that were not sent.
 * @param {Transaction} tx @param {string} id @param {string} existing
 */
async function useExisting(tx, id, existing) {
  tx.put("aliases", { id, existing });
  for (const edit of /** @type {Edit[]} */ (await tx.getAll("outbox"))) {
    if (edit.sent || edit.data.category !== id) continue;
    tx.put("outbox", { ...edit, data: { ...edit.data, category: existing } });
  }
}

/** @param {Transaction} tx @param {Context} context @param {Edit} edit @param {Result} result @param {Issue["status"]} status */
async function report(tx, context, edit, result, status) {
  /** @type {Issue} */
  const issue = {
    mutation: edit.id,
    ...{ type: edit.type, op: edit.op, target: edit.target, status, data: edit.data },
    conflicts: result.conflicts ?? {},
    version: result.version ?? null,
    problem: result.problem ?? null,
    existing: existingOf(result),
    item: context.lastShown(edit.type, edit.target) ?? {},
    at: new Date(context.now()).toISOString(),
  };
  tx.put("issues", issue);
}

/** @param {Result} result */
function existingOf(result) {
  return result.existing?.id ?? null;
}
