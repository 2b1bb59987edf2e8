// Items that views watch. One map changes in place: copying ten thousand items takes longer than a frame.

import { signal } from "../vendor/preact-signals-core.js";

/** An item before and after a change; undefined if it did not exist, or does not exist. @template T @typedef {[before: T | undefined, after: T | undefined]} Change */

/** @template T */
export class Collection {
  /** @type {Map<string, T>} */
  #items = new Map();
  #changes = signal(0);
  /** @type {((changes: Change<T>[]) => void)[]} */
  #listeners = [];

  /** The items by id. A view that reads them is rendered again after each change. It is always the same map. @returns {ReadonlyMap<string, T>} */
  get value() {
    void this.#changes.value;
    return this.#items;
  }

  /** The items by id, without watching them. @returns {ReadonlyMap<string, T>} */
  peek() {
    return this.#items;
  }

  /** Call a function with the changes of each update. @param {(changes: Change<T>[]) => void} listener */
  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Replace the changed items. @param {Iterable<string>} ids of items that may have changed @param {(id: string) => T | undefined} find */
  update(ids, find) {
    /** @type {Change<T>[]} */
    const changes = [];
    for (const id of ids) {
      const [before, after] = [this.#items.get(id), find(id)];
      if (before === after || (before && after && isSame(before, after))) continue;
      if (after) this.#items.set(id, after);
      else this.#items.delete(id);
      changes.push([before, after]);
    }
    if (changes.length === 0) return;
    for (const listener of this.#listeners) listener(changes);
    this.#changes.value += 1;
  }
}

/** Whether two items have the same values. Items with unsent edits are new objects each time. @param {any} before @param {any} after */
function isSame(before, after) {
  const names = Object.keys(after);
  return names.length === Object.keys(before).length && names.every((name) => before[name] === after[name]);
}
