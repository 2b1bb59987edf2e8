// The edits that the server does not have yet, within the caller's transaction (docs/sync.md, "The outbox").

import { REFERENCES } from "./items.js";

/** @typedef {import("./store.js").Transaction} Transaction */
/** @typedef {import("./store.js").Edit} Edit */
/** @typedef {import("./items.js").Type} Type */
/** @typedef {import("./items.js").Fields} Fields */
/**
 * The context of edits: random ids, the time, and items as the user last saw them.
 * @typedef {object} Context
 * @property {() => string} uuid
 * @property {() => number} now milliseconds since 1970
 * @property {(type: Type, id: string) => Fields | undefined} lastShown
 */

const MAX_OWN = 100;

/**
 * Store an edit until it is sent. If the item's last edit was not sent, add it there; otherwise after all edits.
 * @param {Transaction} tx
 * @param {Context} context
 * @param {{ type: Type, op: import("./items.js").Op, target: string, data?: Fields }} edit
 */
export async function queue(tx, context, { type, op, target, data = {} }) {
  data = { ...data };
  for (const name of Object.keys(REFERENCES)) if (name in data) data[name] = await alias(tx, data[name]);
  const edits = /** @type {Edit[]} */ (await tx.getAll("outbox", target));
  const versions = [await tx.get(type, target), await tx.get("deletions", target)].map((row) => row?.version);
  const known = [...versions, ...edits.map((each) => each.reached)].filter((version) => version != null);
  const base = op === "create" || !known.length ? null : Math.max(...known);
  const made_at = new Date(context.now()).toISOString();
  const last = edits.at(-1);
  if (op === "restore" && last?.op === op && last.done_version === null) return; // asked for twice
  if (op === "update" && last && (await canGrow(tx, last, base, data))) {
    tx.put("outbox", { ...last, data: { ...last.data, ...data }, made_at });
    return;
  }
  const own = edits.filter((each) => base !== null && each.done_version !== null && each.done_version > base);
  tx.put("outbox", {
    number: tx.number(),
    id: context.uuid(),
    ...{ type, op, target, base_version: base, data, own: own.map((each) => each.id), made_at },
    ...{ sent: false, done_version: null, reached: null },
  });
}

/** @param {Transaction} tx @param {Edit} last @param {number | null} base @param {Fields} data */
async function canGrow(tx, last, base, data) {
  if (last.sent || !["create", "update"].includes(last.op) || last.base_version !== base) return false;
  for (const name of Object.keys(REFERENCES)) {
    // An edit must not be sent before the creation of an item to which it refers.
    const edits = data[name] ? /** @type {Edit[]} */ (await tx.getAll("outbox", data[name])) : [];
    if (edits.some((each) => each.number > last.number)) return false;
  }
  return true;
}

/**
 * Return the edits to send next. From now on, they do not change. There is at most one edit of an item, because its
 * result determines the base version of the item's next edit.
 * @param {Transaction} tx
 * @param {number} limit
 * @param {number} bytes
 */
export async function nextBatch(tx, limit, bytes) {
  /** @type {Edit[]} */
  const batch = [];
  let size = 0;
  for (const edit of /** @type {Edit[]} */ (await tx.getAll("outbox"))) {
    if (edit.done_version !== null) continue;
    size += new TextEncoder().encode(JSON.stringify(body(edit))).length;
    const isNext = batch.length === 0 || (size <= bytes && batch.every((each) => each.target !== edit.target));
    if (batch.length === limit || !isNext) break;
    batch.push(edit);
  }
  for (const edit of batch) if (!edit.sent) tx.put("outbox", { ...edit, sent: true });
  return batch;
}

/** Return an edit as it is sent. @param {Edit} edit */
export function body({ id, type, op, target, base_version, own, made_at, data }) {
  return {
    ...{ id, type, op, target, made_at },
    ...(base_version !== null && { base_version }),
    ...(own.length && { own: own.slice(-MAX_OWN) }),
    ...(op !== "delete" && op !== "restore" && { data }),
  };
}

/** Return the server's id of an item that was created here with this id. @param {Transaction} tx @param {string | null} id */
export async function alias(tx, id) {
  return id === null ? null : ((await tx.get("aliases", id))?.existing ?? id);
}
