// The tables of a copy, and transactions on them, for each kind of store.

/**
 * An item as received from the server. It is stale if it was received only before the copy was started over.
 * @typedef {object} ItemRow
 * @property {string} id
 * @property {number} version
 * @property {import("./items.js").Fields} data
 * @property {boolean} [stale]
 */
/**
 * An edit. After the server has accepted it, it stays with the resulting version (`done_version`) until the copy has
 * that version. `reached` is the same version, but null if edits of others lie between it and the base version.
 * @typedef {object} Edit
 * @property {number} number the order of the edits
 * @property {string} id
 * @property {import("./items.js").Type} type
 * @property {import("./items.js").Op} op
 * @property {string} target
 * @property {number | null} base_version
 * @property {import("./items.js").Fields} data
 * @property {string[]} own earlier edits of the item, by this copy, that were applied since the base version
 * @property {string} made_at
 * @property {boolean} sent it does not change after it was sent
 * @property {number | null} done_version
 * @property {number | null} reached
 */
/**
 * An edit, or a part of one, that the server does not have. The copy shows the server's values. `data` are the values
 * that the server did not accept, and `item` is the whole item as it was shown before.
 * @typedef {object} Issue
 * @property {string} mutation
 * @property {import("./items.js").Type} type
 * @property {import("./items.js").Op} op
 * @property {string} target
 * @property {"conflict" | "rejected" | "partial" | "lost"} status
 * @property {import("./items.js").Fields} data
 * @property {Record<string, { base: any, yours: any, theirs: any }>} conflicts
 * @property {number | null} version the item's version in the result; the copy may not have it yet
 * @property {import("./items.js").Fields | null} problem
 * @property {string | null} existing the item that stands in the way, such as the category with the same name
 * @property {import("./items.js").Fields} item
 * @property {string} at
 */
/**
 * An item that the server has deleted, as it was before, so that it is shown as soon as it is restored.
 * @typedef {object} Deletion
 * @property {string} id
 * @property {import("./items.js").Type} type
 * @property {number} version
 * @property {string} at
 * @property {import("./items.js").Fields} data
 */

/** @typedef {import("./items.js").Type | "deletions" | "aliases" | "outbox" | "issues" | "meta"} Table */

/** The tables, and the field that is the key of each. @type {Record<Table, string>} */
export const TABLES = {
  task: "id",
  category: "id",
  reminder: "id",
  notification: "id",
  deletions: "id",
  aliases: "id", // items that were created here, but that the server has under another id
  outbox: "number", // with an index of `target`
  issues: "mutation",
  meta: "name",
};
export const TABLE_NAMES = /** @type {Table[]} */ (Object.keys(TABLES));

/**
 * The operations of one transaction. `getAll` of the outbox may be limited to the edits of one item.
 * @typedef {object} Reading
 * @property {(table: Table, key: string | number) => Promise<any>} get
 * @property {(table: Table, target?: string) => Promise<any[]>} getAll
 */
/** @typedef {{ put(table: Table, row: any): void, delete(table: Table, key: string | number): void }} Writing */
/** @typedef {Reading & Writing & { number(): number }} Transaction */
/** The changes of a transaction: rows, or undefined for removed ones. @typedef {[Table, string | number, any][]} Writes */
/** The result and the changes of a transaction between two revisions. @template T @typedef {{ result: T, writes: Writes, previous: number, revision: number }} Committed */
/**
 * The rows of a store at a revision, in memory. Reading them there is much faster.
 * @typedef {{ revision: number, rows: ReadonlyMap<Table, ReadonlyMap<string | number, any>> }} Mirror
 */
/**
 * A store. `write` runs a transaction that is rolled back if the work fails; it may await only the transaction itself.
 * The work must not change the rows that it gets, but put new rows.
 * @typedef {object} Store
 * @property {<T>(work: (tx: Reading) => Promise<T>) => Promise<T>} read
 * @property {<T>(work: (tx: Transaction) => Promise<T>, mirror?: Mirror) => Promise<Committed<T>>} write
 * @property {() => Promise<void>} tidy make reading faster, if it would save enough time
 * @property {() => void} close
 * @property {() => Promise<void>} destroy
 */

/**
 * Run the work of a transaction, and return its writes, which the store then makes. Each transaction that writes has a
 * higher revision. A mirror with the stored revision has the same rows as the store, so it is read instead.
 * @template T
 * @param {Reading} stored
 * @param {(tx: Transaction) => Promise<T>} work
 * @param {Mirror} [mirror]
 * @returns {Promise<Committed<T>>}
 */
export async function recorded(stored, work, mirror) {
  const previous = await meta(stored, "revision", 0);
  let revision = previous;
  const { get, getAll } = mirror && mirror.revision === revision ? reading(mirror.rows) : stored;
  /** @type {Map<Table, Map<string | number, any>>} */
  const written = new Map(TABLE_NAMES.map((table) => [table, new Map()]));
  const of = (/** @type {Table} */ table) => /** @type {Map<string | number, any>} */ (written.get(table));
  const result = await work({
    get: async (table, key) => (of(table).has(key) ? of(table).get(key) : get(table, key)),
    async getAll(table, target) {
      const rows = new Map((await getAll(table, target)).map((row) => [row[TABLES[table]], row]));
      for (const [key, row] of of(table)) {
        if (row === undefined) rows.delete(key);
        else if (target === undefined || row.target === target) rows.set(key, row);
      }
      return inOrder(table, [...rows.values()]);
    },
    put: (table, row) => void of(table).set(row[TABLES[table]], row),
    delete: (table, key) => void of(table).set(key, undefined),
    number: () => ++revision,
  });
  const writes = /** @type {Writes} */ ([...written].flatMap(([table, rows]) => [...rows].map(([key, row]) => [table, key, row])));
  return { result, writes, previous, revision: writes.length ? revision + 1 : previous };
}

/** Return all rows that a store writes, with the revision. @param {Pick<Committed<unknown>, "writes" | "revision">} committed @returns {Writes} */
export function rowsOf({ writes, revision }) {
  return writes.length ? [...writes, ["meta", "revision", { name: "revision", value: revision }]] : [];
}

/** Read rows in memory. @param {ReadonlyMap<Table, ReadonlyMap<string | number, any>>} tables @returns {Reading} */
export function reading(tables) {
  const of = (/** @type {Table} */ table) => /** @type {ReadonlyMap<string | number, any>} */ (tables.get(table));
  return {
    get: async (table, key) => of(table).get(key),
    getAll: async (table, target) => {
      return inOrder(table, [...of(table).values()].filter((row) => target === undefined || row.target === target));
    },
  };
}

/** @param {Table} table @param {any[]} rows */
function inOrder(table, rows) {
  return table === "outbox" ? rows.sort((a, b) => a.number - b.number) : rows;
}

/** Return a setting of the copy. @param {Reading} tx @param {string} name @param {any} [missing] */
export async function meta(tx, name, missing = null) {
  return (await tx.get("meta", name))?.value ?? missing;
}

/** Store settings of the copy. @param {Writing} tx @param {Record<string, any>} values */
export function setMeta(tx, values) {
  for (const [name, value] of Object.entries(values)) tx.put("meta", { name, value });
}
