// A store in IndexedDB, which all tabs of a browser share.
//
// Items are stored in two ways: as one record each, and in packs of many items as text. Writing and reading a pack of
// 200 takes about as long as a few records. The record or pack with the highest revision has the present item.

import { deleteDB, openDB } from "../vendor/idb.js";
import { TYPES } from "./items.js";
import { recorded, rowsOf, TABLE_NAMES, TABLES } from "./store.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./store.js").Table} Table */
/** @typedef {import("./store.js").ItemRow} ItemRow */
/** @typedef {import("./items.js").Type} Type */
/** An item, or null for a removed item. @typedef {{ id: string, revision: number, row: ItemRow | null }} ItemRecord */
/** Many items, as an array in JSON. @typedef {{ revision: number, type: Type, rows: string }} Pack */

const VERSION = 3;
const STORES = [...TABLE_NAMES, "packs"];
/** More rows than this become a pack. */
const MANY = 50;
/** With more records than this, `tidy` makes packs of them. */
const MAX_RECORDS = 1000;
const MAX_PACKS = 100;
const PACK_SIZE = 500;

/** @implements {Store} */
export class IdbStore {
  #database;
  #name;

  /** @param {string} name @param {import("idb").IDBPDatabase} database */
  constructor(name, database) {
    this.#name = name;
    this.#database = database;
  }

  /** Open a copy, or create an empty one. @param {string} name */
  static async open(name) {
    const database = await openDB(name, VERSION, {
      upgrade(database, before) {
        // Since version 2, only tables are added: the copy of an earlier version has edits that were not sent.
        if (before < 2) for (const each of [...database.objectStoreNames]) database.deleteObjectStore(each);
        for (const table of TABLE_NAMES) {
          if (database.objectStoreNames.contains(table)) continue;
          const created = database.createObjectStore(table, { keyPath: TABLES[table] });
          if (table === "outbox") created.createIndex("target", "target");
        }
        if (before < 2) database.createObjectStore("packs", { autoIncrement: true });
      },
      // Another tab deletes the copy, or has a newer version of the app.
      blocking: () => database.close(),
    });
    return new IdbStore(name, database);
  }

  /** @template T @param {(tx: import("./store.js").Reading) => Promise<T>} work @returns {Promise<T>} */
  async read(work) {
    return work(reading(this.#database.transaction(STORES)));
  }

  /** @template T @param {(tx: import("./store.js").Transaction) => Promise<T>} work @param {import("./store.js").Mirror} [mirror] */
  async write(work, mirror) {
    return this.#writing(async (transaction) => {
      const committed = await recorded(reading(transaction), work, mirror);
      write(transaction, rowsOf(committed), committed.revision);
      return committed;
    });
  }

  /** Store the items in packs, if too many have records of their own. */
  async tidy() {
    await this.#writing(async (transaction) => {
      const counts = await Promise.all(["packs", ...TYPES].map((name) => transaction.objectStore(name).count()));
      if (counts[0] <= MAX_PACKS && counts.slice(1).reduce((sum, count) => sum + count, 0) <= MAX_RECORDS) return;
      const { get, getAll } = reading(transaction);
      const { value: revision } = await get("meta", "revision");
      const all = await Promise.all(TYPES.map((type) => getAll(type)));
      for (const name of ["packs", ...TYPES]) void transaction.objectStore(name).clear();
      TYPES.forEach((type, index) => {
        for (let at = 0; at < all[index].length; at += PACK_SIZE) pack(transaction, type, all[index].slice(at, at + PACK_SIZE), revision);
      });
    });
  }

  /** @template T @param {(transaction: Writing) => Promise<T>} work */
  async #writing(work) {
    const transaction = this.#database.transaction(STORES, "readwrite");
    const done = transaction.done;
    try {
      const result = await work(transaction);
      await done;
      return result;
    } catch (error) {
      done.catch(() => {}); // it fails, too, and this is the reason
      try {
        transaction.abort();
      } catch {} // it has already ended
      throw error;
    }
  }

  close() {
    this.#database.close();
  }

  async destroy() {
    this.close();
    await deleteDB(this.#name);
  }
}

/** @typedef {import("idb").IDBPTransaction<any, any, "readwrite">} Writing */
/** @typedef {Writing | import("idb").IDBPTransaction<any, any, "readonly">} Transaction */

/** @param {Transaction} transaction @returns {import("./store.js").Reading} */
function reading(transaction) {
  /** @type {Promise<Map<Type, Map<string, ItemRow>>> | undefined} */
  let items;
  const rows = async (/** @type {Type} */ type) => /** @type {Map<string, ItemRow>} */ ((await (items ??= unpacked(transaction))).get(type));
  return {
    async get(table, key) {
      if (isType(table)) return (await rows(table)).get(String(key));
      return transaction.objectStore(table).get(key);
    },
    async getAll(table, target) {
      if (isType(table)) return [...(await rows(table)).values()];
      const store = transaction.objectStore(table);
      return target === undefined ? store.getAll() : store.index("target").getAll(target);
    },
  };
}

/** Return all items. @param {Transaction} transaction @returns {Promise<Map<Type, Map<string, ItemRow>>>} */
async function unpacked(transaction) {
  const [packs, ...records] = await Promise.all(["packs", ...TYPES].map((name) => transaction.objectStore(name).getAll()));
  return new Map(
    TYPES.map((type, index) => {
      /** @type {Map<string, ItemRow>} */
      const rows = new Map();
      /** @type {Map<string, number>} */
      const revisions = new Map();
      for (const pack of /** @type {Pack[]} */ (packs)) {
        if (pack.type !== type) continue;
        for (const row of JSON.parse(pack.rows)) {
          rows.set(row.id, row); // packs are in the order in which they were written
          revisions.set(row.id, pack.revision);
        }
      }
      for (const { id, revision, row } of /** @type {ItemRecord[]} */ (records[index])) {
        if (revision < (revisions.get(id) ?? 0)) continue;
        if (row) rows.set(id, row);
        else rows.delete(id);
      }
      return [type, rows];
    }),
  );
}

/** @param {Writing} transaction @param {import("./store.js").Writes} writes @param {number} revision */
function write(transaction, writes, revision) {
  for (const type of TYPES) {
    const rows = writes.flatMap(([table, , row]) => (table === type && row ? [row] : []));
    if (rows.length > MANY) pack(transaction, type, rows, revision);
    else for (const row of rows) put(transaction, type, { id: row.id, revision, row });
  }
  for (const [table, key, row] of writes) {
    if (row === undefined && isType(table)) put(transaction, table, { id: key, revision, row: null });
    else if (row === undefined) void transaction.objectStore(table).delete(key).catch(() => {});
    else if (!isType(table)) put(transaction, table, row);
  }
}

/** @param {Writing} transaction @param {Type} type @param {ItemRow[]} rows @param {number} revision */
function pack(transaction, type, rows, revision) {
  put(transaction, "packs", { revision, type, rows: JSON.stringify(rows) });
}

/** @param {Writing} transaction @param {string} name @param {any} record */
function put(transaction, name, record) {
  void transaction.objectStore(name).put(record).catch(() => {}); // the transaction fails, too
}

/** @param {Table} table @returns {table is Type} */
function isType(table) {
  return /** @type {string[]} */ (TYPES).includes(table);
}
