// Storing items received from the server, within the caller's transaction (docs/sync.md, "Pulling").

import { editable, historyOf, isPersonal, isSame, sharesOf, TYPES } from "./items.js";
import { meta, setMeta } from "./store.js";

/** @typedef {import("./store.js").Transaction} Transaction */
/** @typedef {import("./store.js").ItemRow} ItemRow */
/** @typedef {import("./store.js").Deletion} Deletion */
/** @typedef {import("./store.js").Edit} Edit */
/** @typedef {import("./outbox.js").Context} Context */
/** @typedef {import("./items.js").Type} Type */
/** @typedef {import("./items.js").Fields} Fields */
/**
 * The current state of an item. `data` is null if it was deleted, or if the user may no longer see it.
 * @typedef {{ type: Type, id: string, op: string, version: number, data: Fields | null, reason?: string | null }} Change
 */
/** @typedef {{ changes: Change[], next_cursor: string, has_more: boolean }} Page */

const DAY = 24 * 60 * 60 * 1000;
/** A cursor is valid only for the types that it was made with. */
const OF = TYPES.join();

/** Return the cursor of the copy, unless it was made with the types of an earlier version of the app. @param {import("./store.js").Reading} tx @returns {Promise<string | null>} */
export async function cursorOf(tx) {
  return (await meta(tx, "types")) === OF ? meta(tx, "cursor") : null;
}

/**
 * Apply a page that was requested with a cursor. Return false, and change nothing, if the copy has another cursor by
 * now.
 * @param {Transaction} tx @param {Context} context @param {Page} page @param {string | null} cursor
 */
export async function applyPage(tx, context, page, cursor) {
  if ((await cursorOf(tx)) !== cursor) return false;
  const known = page.changes.filter(({ type, op }) => TYPES.includes(type) && (op === "upsert" || op === "delete"));
  const rows = await Promise.all(known.map(({ type, id }) => tx.get(type, id)));
  const deletions = await Promise.all(known.map(({ id }) => tx.get("deletions", id)));
  const done = /** @type {Edit[]} */ (await tx.getAll("outbox")).filter((edit) => edit.done_version !== null);
  for (const [index, change] of known.entries()) {
    await apply(tx, context, change, rows[index], deletions[index], done);
  }
  if (!page.has_more) await complete(tx, context);
  setMeta(tx, { cursor: page.next_cursor, types: OF });
  return true;
}

/**
 * @param {Transaction} tx @param {Context} context @param {Change} change
 * @param {ItemRow | undefined} row @param {Deletion | undefined} deletion @param {Edit[]} done
 */
async function apply(tx, context, change, row, deletion, done) {
  const { type, id, data } = change;
  const version = data?.version ?? change.version;
  if (row && !row.stale && row.version > version) return; // versions never decrease
  if (row?.stale && row.version >= version && !isPersonal(type)) {
    // The same version has other values only if the server was restored from a backup: this is a later edit.
    const before = row.data;
    const fields = Object.entries(editable(type, before)).filter(([name, value]) => !isSame(value, data?.[name]));
    if (fields.length) await addLost(tx, context, type, id, data ? "update" : "create", Object.fromEntries(fields), before);
  } else if (deletion && data && deletion.version >= version) {
    await addLost(tx, context, type, id, "delete", {}, data);
  }
  await put(tx, context, { ...change, version }, row, deletion);
  for (const edit of done) {
    if (edit.target === id && /** @type {number} */ (edit.done_version) <= version) tx.delete("outbox", edit.number);
  }
}

/**
 * Store an item, or remove it if it was deleted.
 * @param {Transaction} tx @param {Context} context @param {Change} change
 * @param {ItemRow} [row] @param {Deletion} [deletion]
 */
export async function put(tx, context, { type, id, version, data, reason }, row, deletion) {
  if (data) {
    if (deletion) tx.delete("deletions", id);
    tx.put(type, { id, version, data });
    return;
  }
  if (isPersonal(type)) return row && tx.delete(type, id);
  const isRevoked = reason === "access_revoked";
  if (!isRevoked) {
    const before = row?.data ?? deletion?.data ?? context.lastShown(type, id) ?? {};
    const at = new Date(context.now()).toISOString();
    tx.put("deletions", { id, type, version, at, data: before });
  }
  if (row) tx.delete(type, id);
  if (!isRevoked) return;
  forgetAnswers(tx, type, id);
  if (type === "category") {
    for (const task of await tx.getAll("task")) {
      if (task.data.category !== id) continue;
      tx.delete("task", task.id); // the server sends again those that the user still sees
      forgetAnswers(tx, "task", task.id);
    }
  }
}

/** Remove what the server has answered about an item. @param {Transaction} tx @param {Type} type @param {string} id */
function forgetAnswers(tx, type, id) {
  for (const path of [sharesOf(/** @type {import("./items.js").Shareable} */ (type), id), historyOf(id)]) tx.delete("meta", path);
}

/** The copy is now complete: items that are still stale do not exist any more, and all accepted edits are included. @param {Transaction} tx @param {Context} context */
async function complete(tx, context) {
  const now = context.now();
  if (await meta(tx, "starting_over")) {
    const isRestored = (await meta(tx, "starting_over")) === "restored";
    for (const type of TYPES) {
      for (const row of /** @type {ItemRow[]} */ (await tx.getAll(type))) {
        if (!row.stale) continue;
        if (isRestored && (!isPersonal(type) || row.data.fires_at)) await addLost(tx, context, type, row.id, "create", row.data, row.data);
        tx.delete(type, row.id);
      }
    }
    setMeta(tx, { starting_over: null });
  }
  for (const edit of /** @type {Edit[]} */ (await tx.getAll("outbox"))) {
    if (edit.done_version === null) continue;
    if (edit.op === "delete" && !(await tx.get(edit.type, edit.target)) && !(await tx.get("deletions", edit.target))) {
      // The item was never received: a full state does not contain its deletion.
      const { type, target: id, done_version: version } = edit;
      await put(tx, context, { type, id, op: "delete", version, data: null });
    }
    tx.delete("outbox", edit.number);
  }
  if (now - (await meta(tx, "pruned_at", 0)) > DAY) {
    const oldest = new Date(now - (await meta(tx, "retention_days", 30)) * DAY).toISOString();
    for (const each of await tx.getAll("deletions")) if (each.at < oldest) tx.delete("deletions", each.id);
    setMeta(tx, { pruned_at: now });
  }
  setMeta(tx, { complete_at: now });
}

/**
 * Drop the cursor, which has expired or is one of an earlier version of the app. Items received so far stay visible
 * until all have been received again. If a cursor expires before the retention has passed, the server was restored from
 * a backup. Edits whose effects were not received yet are sent again, because the backup may not have them.
 * @param {Transaction} tx @param {Context} context @param {string} cursor
 */
export async function startOver(tx, context, cursor) {
  if ((await meta(tx, "cursor")) !== cursor) return;
  const completeAt = await meta(tx, "complete_at");
  // Both times are from the clock of this device, because the server's clock may differ.
  const isEarly = (await cursorOf(tx)) !== null && completeAt !== null && context.now() - completeAt < (await meta(tx, "retention_days", 30)) * DAY;
  setMeta(tx, { cursor: null, starting_over: isEarly ? "restored" : "expired" });
  for (const type of TYPES) for (const row of await tx.getAll(type)) tx.put(type, { ...row, stale: true });
  for (const edit of await tx.getAll("outbox")) tx.put("outbox", { ...edit, done_version: null, reached: null });
}

/**
 * Keep data that the server no longer has, so that the user can send it again.
 * @param {Transaction} tx @param {Context} context @param {Type} type @param {string} target
 * @param {import("./items.js").Op} op @param {Fields} data @param {Fields} item
 */
async function addLost(tx, context, type, target, op, data, item) {
  tx.put("issues", {
    mutation: context.uuid(),
    ...{ type, op, target, status: "lost", data: editable(type, data), item },
    ...{ conflicts: {}, version: null, problem: null, existing: null },
    at: new Date(context.now()).toISOString(),
  });
}
