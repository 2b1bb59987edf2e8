// A store in memory: for tests, and for browsers that allow no storage.

import { reading, recorded, TABLE_NAMES, TABLES } from "./store.js";

/** @typedef {import("./store.js").Store} Store */

/** @implements {Store} */
export class MemoryStore {
  /** @type {Map<import("./store.js").Table, Map<string | number, any>>} */
  #tables = new Map(TABLE_NAMES.map((name) => [name, new Map()]));
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @template T @param {(tx: import("./store.js").Reading) => Promise<T>} work @returns {Promise<T>} */
  read(work) {
    return this.#alone(() => work(this.#transaction([])));
  }

  /** @template T @param {(tx: import("./store.js").Transaction) => Promise<T>} work @param {import("./store.js").Mirror} [mirror] */
  write(work, mirror) {
    return this.#alone(async () => {
      /** @type {(() => void)[]} */
      const undo = [];
      try {
        return await recorded(this.#transaction(undo), work, mirror);
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
    const { get, getAll } = reading(this.#tables);
    /** @param {import("./store.js").Table} name @param {string | number} key @param {any} [row] */
    const set = (name, key, row) => {
      const table = /** @type {Map<string | number, any>} */ (this.#tables.get(name));
      const [had, before] = [table.has(key), table.get(key)];
      undo.push(() => (had ? table.set(key, before) : table.delete(key)));
      if (row === undefined) table.delete(key);
      else table.set(key, row);
    };
    return {
      get: async (table, key) => structuredClone(await get(table, key)),
      getAll: async (table, target) => structuredClone(await getAll(table, target)),
      put: (table, row) => set(table, row[TABLES[table]], structuredClone(row)),
      delete: (table, key) => set(table, key),
    };
  }
}
