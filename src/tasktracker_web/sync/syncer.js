// Sending edits, fetching changes, and comparing the copy with the server.

import { bucketOf, bucketsOf } from "./digest.js";
import { Offline, Refused } from "./errors.js";
import { COMPARED, PATHS, TYPES } from "./items.js";
import { body, nextBatch } from "./outbox.js";
import { applyPage, cursorOf, put, startOver } from "./receiving.js";
import { settle } from "./settling.js";
import { meta } from "./store.js";

/** @typedef {import("./items.js").Shareable} Shareable */
/** @typedef {import("./store.js").ItemRow} ItemRow */
/** @typedef {import("./store.js").Transaction} Transaction */
/**
 * The part of a copy that the syncer needs.
 * @typedef {object} Copy
 * @property {<T>(work: (tx: import("./store.js").Reading) => Promise<T>) => Promise<T>} read
 * @property {<T>(work: (tx: Transaction) => Promise<T>) => Promise<T>} write
 * @property {import("./outbox.js").Context} context
 */
/** A comparison of the copy with the server. `buckets` are the buckets that differ. @typedef {{ count: number, buckets: string[] }} Comparison */

const BATCH = 100;
const BATCH_BYTES = 200_000; // the server accepts 256 KiB by default
const PAGE = 200;
const ATTEMPTS = 5;

export class Syncer {
  #copy;
  #call;
  #sha256;
  /** @param {number} received */
  #onProgress;

  /**
   * @param {{ copy: Copy, call: (method: string, path: string, body?: unknown) => Promise<any>,
   *   sha256: import("./digest.js").Sha256, onProgress?: (received: number) => void }} parts
   */
  constructor({ copy, call, sha256, onProgress = () => {} }) {
    this.#copy = copy;
    this.#call = call;
    this.#sha256 = sha256;
    this.#onProgress = onProgress;
  }

  /** Send all edits and fetch all changes. */
  async sync() {
    await this.push();
    if (!(await this.#pull()).startedOver) return;
    await this.push(); // edits that a restored backup may not have
    await this.#pull();
  }

  async push() {
    for (let limit = BATCH; ; ) {
      const batch = await this.#copy.write((tx) => nextBatch(tx, limit, BATCH_BYTES));
      if (batch.length === 0) return;
      /** @type {import("./settling.js").Result[]} */
      let results;
      try {
        results = (await this.#call("POST", "/sync", { mutations: batch.map(body) })).results;
        if (results.length !== batch.length) throw new Offline("The results do not match the edits that were sent.");
      } catch (error) {
        if (!(error instanceof Refused && isOfMutations(error))) throw error;
        // One edit makes the request invalid or too large. Find it by halving the batch.
        if (batch.length > 1) {
          limit = Math.floor(batch.length / 2);
          continue;
        }
        const { problem } = error;
        results = [{ status: "rejected", version: null, conflicts: {}, problem, dropped: [], existing: null }];
      }
      limit = Math.min(BATCH, limit * 2);
      await this.#copy.write(async (tx) => {
        for (const [index, edit] of batch.entries()) await settle(tx, this.#copy.context, edit, results[index]);
      });
    }
  }

  async #pull() {
    const report = { pulled: 0, startedOver: false };
    /** The next page, which is fetched while the present one is stored. @type {{ cursor: string, page: Promise<import("./receiving.js").Page> } | null} */
    let next = null;
    for (let hasMore = true; hasMore; ) {
      const { cursor, old } = await this.#copy.read(async (tx) => ({ cursor: await cursorOf(tx), old: await meta(tx, "cursor") }));
      if (old !== cursor) {
        await this.#copy.write((tx) => startOver(tx, this.#copy.context, old));
        report.startedOver = true;
        continue;
      }
      /** @type {import("./receiving.js").Page} */
      let page;
      try {
        page = await (next?.cursor === cursor ? next.page : this.#page(cursor));
        next = page.has_more ? { cursor: page.next_cursor, page: this.#page(page.next_cursor) } : null;
        next?.page.catch(() => {}); // it fails when it is awaited
      } catch (error) {
        if (!(error instanceof Refused && error.status === 410 && cursor)) throw error;
        await this.#copy.write((tx) => startOver(tx, this.#copy.context, cursor));
        report.startedOver = true;
        continue;
      }
      if (await this.#copy.write((tx) => applyPage(tx, this.#copy.context, page, cursor))) {
        report.pulled += page.changes.length;
        hasMore = page.has_more;
        this.#onProgress(report.pulled);
      }
    }
    return report;
  }

  /** @param {string | null} cursor @returns {Promise<import("./receiving.js").Page>} */
  #page(cursor) {
    const query = new URLSearchParams({ limit: String(PAGE), types: TYPES.join(), ...(cursor && { cursor }) });
    return this.#call("GET", `/sync?${query}`);
  }

  // ------------------------------------------------------------- verifying

  /** Fetch all changes, then compare digests with the server. @returns {Promise<Comparison>} */
  async verify() {
    await this.#pull();
    let found = await this.#compare();
    for (let attempt = 0; found.buckets.length && attempt < ATTEMPTS; attempt++) {
      if (!(await this.#pull()).pulled) break;
      found = await this.#compare(); // the server's data has changed during the comparison
    }
    return found;
  }

  async #compare() {
    const items = await this.#items();
    const mine = await bucketsOf(items, this.#sha256);
    const { count, buckets: theirs } = await this.#call("GET", `/sync/digest?types=${COMPARED}`);
    const names = new Set([...Object.keys(mine), ...Object.keys(theirs)]);
    return { count, buckets: [...names].filter((name) => mine[name] !== theirs[name]).sort() };
  }

  /** Fetch only the items that differ from the server's, and compare again. */
  async repair() {
    for (const bucket of (await this.verify()).buckets) await this.#repairBucket(bucket);
    return this.verify();
  }

  /** @param {string} bucket */
  async #repairBucket(bucket) {
    /** @type {{ items: { type: Shareable, id: string, version: number }[] }} */
    const { items } = await this.#call("GET", `/sync/digest/${bucket}?types=${COMPARED}`);
    const mine = new Map();
    for (const [type, id, version] of await this.#items()) {
      if ((await bucketOf(id, this.#sha256)) === bucket) mine.set(id, { type, version });
    }
    /** @type {{ type: Shareable, id: string, data: import("./items.js").Fields | null }[]} */
    const found = [];
    for (const { type, id, version } of items) {
      if (mine.get(id)?.version !== version) found.push({ type, id, data: await this.#fetch(type, id) });
      mine.delete(id);
    }
    await this.#copy.write(async (tx) => {
      for (const [id, { type }] of mine) tx.delete(type, id);
      for (const { type, id, data } of found) {
        const change = data && { type, id, op: "upsert", version: data.version, data };
        if (change) await put(tx, this.#copy.context, change, undefined, await tx.get("deletions", id));
      }
    });
  }

  /** @param {Shareable} type @param {string} id */
  async #fetch(type, id) {
    try {
      const { is_overdue: _, ...data } = await this.#call("GET", `${PATHS[type]}/${id}`); // that depends on the time
      return data;
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return null; // deleted meanwhile: the next page says so
      throw error;
    }
  }

  /** @returns {Promise<[Shareable, string, number][]>} */
  #items() {
    return this.#copy.read(async (tx) => {
      const rows = await Promise.all(COMPARED.map((type) => tx.getAll(type)));
      return COMPARED.flatMap((type, index) =>
        rows[index].map((row) => /** @type {[Shareable, string, number]} */ ([type, row.id, row.version])),
      );
    });
  }
}

/** Whether a request was refused because of a mutation in it. @param {Refused} refused */
function isOfMutations({ status, fields }) {
  return status === 413 || (status === 400 && Object.keys(fields).some((name) => name.startsWith("mutations[")));
}
