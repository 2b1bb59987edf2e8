// A store in IndexedDB, which all tabs of a browser share.

import { deleteDB, openDB } from "../vendor/idb.js";
import { recorded, TABLE_NAMES, TABLES } from "./store.js";

/** @typedef {import("./store.js").Store} Store */

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
    const database = await openDB(name, 1, {
      upgrade(database) {
        for (const table of TABLE_NAMES) {
          const created = database.createObjectStore(table, { keyPath: TABLES[table] });
          if (table === "outbox") created.createIndex("target", "target");
        }
      },
      // Another tab deletes the copy, or has a newer version of the app.
      blocking: () => database.close(),
    });
    return new IdbStore(name, database);
  }

  /** @template T @param {(tx: import("./store.js").Reading) => Promise<T>} work @returns {Promise<T>} */
  async read(work) {
    return work(operations(this.#database.transaction(TABLE_NAMES)));
  }

  /** @template T @param {(tx: import("./store.js").Transaction) => Promise<T>} work @param {import("./store.js").Mirror} [mirror] */
  async write(work, mirror) {
    const transaction = this.#database.transaction(TABLE_NAMES, "readwrite");
    const done = transaction.done;
    try {
      const committed = await recorded(operations(transaction), work, mirror);
      await done;
      return committed;
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

/** @param {import("idb").IDBPTransaction<any, any, "readwrite"> | import("idb").IDBPTransaction<any, any, "readonly">} reading */
function operations(reading) {
  const transaction = /** @type {import("idb").IDBPTransaction<any, any, "readwrite">} */ (reading);
  return {
    /** @param {string} table @param {string | number} key */
    get: (table, key) => transaction.objectStore(table).get(key),
    /** @param {string} table @param {string} [target] */
    getAll: (table, target) => {
      const store = transaction.objectStore(table);
      return target === undefined ? store.getAll() : store.index("target").getAll(target);
    },
    /** @param {string} table @param {any} row */
    put: (table, row) => void transaction.objectStore(table).put(row).catch(() => {}), // the transaction fails, too
    /** @param {string} table @param {string | number} key */
    delete: (table, key) => void transaction.objectStore(table).delete(key).catch(() => {}),
  };
}
