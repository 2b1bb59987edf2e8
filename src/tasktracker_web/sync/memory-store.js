// A store in memory: for tests, and for browsers that allow no storage.

import { reading, recorded, rowsOf, TABLE_NAMES } from "./store.js";

/** @typedef {import("./store.js").Store} Store */

/** @implements {Store} */
export class MemoryStore {
  /** @type {Map<import("./store.js").Table, Map<string | number, any>>} */
  #tables = new Map(TABLE_NAMES.map((name) => [name, new Map()]));
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @template T @param {(tx: import("./store.js").Reading) => Promise<T>} work @returns {Promise<T>} */
  read(work) {
    return this.#alone(() => work(this.#reading));
  }

  /** @template T @param {(tx: import("./store.js").Transaction) => Promise<T>} work @param {import("./store.js").Mirror} [mirror] */
  write(work, mirror) {
    return this.#alone(async () => {
      const committed = await recorded(this.#reading, work, mirror);
      for (const [name, key, row] of rowsOf(committed)) {
        const table = /** @type {Map<string | number, any>} */ (this.#tables.get(name));
        if (row === undefined) table.delete(key);
        else table.set(key, structuredClone(row));
      }
      return committed;
    });
  }

  async tidy() {}

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

  /** @returns {import("./store.js").Reading} */
  get #reading() {
    const { get, getAll } = reading(this.#tables);
    return {
      get: async (table, key) => structuredClone(await get(table, key)),
      getAll: async (table, target) => structuredClone(await getAll(table, target)),
    };
  }
}
