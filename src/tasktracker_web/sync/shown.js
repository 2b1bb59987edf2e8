// The items as the user sees them: as received from the server, with the edits of the outbox applied in their order.

import { DEFAULTS } from "./items.js";

/** @typedef {import("./items.js").Fields} Fields */
/** @typedef {import("./items.js").Type} Type */
/** @typedef {import("./store.js").Edit} Edit */
/** @typedef {import("./store.js").ItemRow} ItemRow */
/** @typedef {import("./store.js").Deletion} Deletion */
/** The items that are shown, and those that an edit deletes. @typedef {{ shown: Layer, deleted: Map<string, Fields> }} View */
/** Items by id. @typedef {Iterable<[string, Fields]>} Items */

/** The items of rows, with some replaced or removed. The cost depends only on the number of these. */
export class Layer {
  #rows;
  /** @type {Map<string, Fields | undefined>} */
  replaced = new Map();

  /** @param {ReadonlyMap<string, ItemRow>} rows */
  constructor(rows) {
    this.#rows = rows;
  }

  /** @param {string} id */
  get(id) {
    return this.replaced.has(id) ? this.replaced.get(id) : this.#rows.get(id)?.data;
  }

  /** @param {string} id @param {Fields} [item] without one, it is removed */
  set(id, item) {
    this.replaced.set(id, item);
  }

  /** @returns {Generator<[string, Fields]>} */
  *[Symbol.iterator]() {
    for (const [id, { data }] of this.#rows) if (!this.replaced.has(id)) yield [id, data];
    for (const [id, item] of this.replaced) if (item) yield [id, item];
  }
}

/**
 * @param {Type} type
 * @param {ReadonlyMap<string, ItemRow>} rows
 * @param {Edit[]} edits all edits, in their order
 * @param {ReadonlyMap<string, Deletion>} deletions
 * @param {Layer} [categories] as they are shown, if the type is `task`
 * @returns {View}
 */
export function view(type, rows, edits, deletions, categories) {
  const shown = new Layer(rows);
  /** @type {View} */
  const found = { shown, deleted: new Map() };
  if (edits.length === 0) return found;
  applyEdits(type, found, edits.filter((edit) => edit.type === type), deletions);
  if (categories) {
    const gone = new Set(edits.filter((each) => each.type === "category" && each.op === "delete").map((each) => each.target));
    for (const [id, task] of gone.size ? shown : []) if (gone.has(task.category)) set(shown, id, { category: null });
    followRoots(shown, new Set([...categories].filter(([, each]) => each.members.length > 0).map(([id]) => id)));
  }
  return found;
}

/** @param {Type} type @param {View} view @param {Edit[]} edits @param {ReadonlyMap<string, Deletion>} deletions */
function applyEdits(type, { shown, deleted }, edits, deletions) {
  /** A value that is equal for items that were deleted together. @type {Map<string, string>} */
  const together = new Map();
  if (edits.some((edit) => edit.op === "restore")) {
    for (const { id, type: kind, data, at } of deletions.values()) {
      if (kind !== type || !("id" in data)) continue;
      deleted.set(id, data);
      together.set(id, at);
    }
  }
  /** The ids directly below each item: found once for several deletions. @type {Map<string, string[]> | null} */
  let children = null;
  for (const { id, number, op, target, data } of edits) {
    if (op !== "delete") children = null;
    if (op === "create") {
      shown.set(target, { ...DEFAULTS[type], id: target, version: null, ...shown.get(target), ...data, pending: true, made: number });
    } else if (op === "update") {
      if (shown.get(target)) set(shown, target, data);
    } else if (op === "delete") {
      if (!shown.get(target)) continue;
      children ??= below(shown);
      for (const each of tree(children, target)) {
        if (!shown.get(each)) continue;
        deleted.set(each, /** @type {Fields} */ (shown.get(each)));
        together.set(each, id);
        shown.set(each);
      }
    } else if (op === "restore" && deleted.has(target)) {
      const deletion = together.get(target);
      const found = new Map([...deleted].filter(([each]) => together.get(each) === deletion));
      for (const each of tree(below(found), target)) {
        shown.set(each, { ...deleted.get(each), pending: true });
        deleted.delete(each);
      }
      if (!shown.get(shown.get(target)?.parent)) set(shown, target, { parent: null });
    }
  }
}

/** Show subtasks in the shared category of their topmost task, and in no other shared category. @param {Layer} shown @param {Set<string>} shared */
function followRoots(shown, shared) {
  for (const [id, task] of shared.size ? shown : []) {
    if (!task.parent) continue;
    const seen = new Set([id]);
    let root = task;
    for (let above; (above = shown.get(root.parent)) && !seen.has(above.id); root = above) seen.add(above.id);
    const category = root.category;
    if (task.category === category || !(shared.has(category) || shared.has(task.category))) continue;
    set(shown, id, { category: shared.has(category) ? category : null });
  }
}

/** @param {Layer} items @param {string} id @param {Fields} data */
function set(items, id, data) {
  items.set(id, { ...items.get(id), ...data, pending: true });
}

/** Return the ids directly below each item. @param {Items} items */
export function below(items) {
  /** @type {Map<string, string[]>} */
  const children = new Map();
  for (const [id, { parent }] of items) if (parent) children.set(parent, [...(children.get(parent) ?? []), id]);
  return children;
}

/** Return the ids of an item and of all items below it. @param {Map<string, string[]>} children @param {string} root */
export function tree(children, root) {
  const found = new Set([root]);
  for (const each of found) for (const child of children.get(each) ?? []) found.add(child); // grows meanwhile
  return found;
}
