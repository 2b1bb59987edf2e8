// A store in memory: for tests, and for browsers that allow no storage.

import { recorded, TABLE_NAMES, TABLES } from "./store.js";

/** @typedef {import("./store.js").Store} Store */

/** @implements {Store} */
export class MemoryStore {
  /** @type {Map<string, Map<string | number, any>>} */
  #tables = new Map(TABLE_NAMES.map((name) => [name, new Map()]));
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @template T @param {(tx: import("./store.js").Reading) => Promise<T>} work @returns {Promise<T>} */
  read(work) {
    return this.#alone(() => work(this.#transaction([])));
  }

  /** @template T @param {(tx: import("./store.js").Transaction) => Promise<T>} work */
  write(work) {
    return this.#alone(async () => {
      /** @type {(() => void)[]} */
      const undo = [];
      try {
        return await recorded(this.#transaction(undo), work);
      } catch (error) {
        for (const step of undo.reverse()) step();
        throw error;
      }
    });
  }

  close() {}

  async destroy() {
    for (const table of this.#tables.values()) table.clear();
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  #alone(work) {
    const next = this.#last.then(work);
    this.#last = next.catch(() => {});
    return next;
  }

  /** @param {(() => void)[]} undo @returns {import("./store.js").Writing} */
  #transaction(undo) {
    /** @param {string} name */
    const of = (name) => /** @type {Map<string | number, any>} */ (this.#tables.get(name));
    /** @param {Map<string | number, any>} table @param {string | number} key */
    const remember = (table, key) => {
      const [had, before] = [table.has(key), table.get(key)];
      undo.push(() => (had ? table.set(key, before) : table.delete(key)));
    };
    return {
      get: async (table, key) => structuredClone(of(table).get(key)),
      getAll: async (table, target) => {
        const rows = [...of(table).values()].filter((row) => target === undefined || row.target === target);
        return structuredClone(table === "outbox" ? rows.sort((a, b) => a.number - b.number) : rows);
      },
      put: async (table, row) => {
        remember(of(table), row[TABLES[table]]);
        of(table).set(row[TABLES[table]], structuredClone(row));
      },
      delete: async (table, key) => {
        remember(of(table), key);
        of(table).delete(key);
      },
    };
  }
}
