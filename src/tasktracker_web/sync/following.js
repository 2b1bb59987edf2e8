// Keeping a copy in sync while the app is open: edits are sent at once, and changes fetched when the server reports them.

import { isNoSpace, Offline, Refused, SignInRequired, Unavailable } from "./errors.js";
import { TYPES } from "./items.js";

/** @typedef {"starting" | "live" | "offline" | "full" | "no-space" | "signed-out" | "disabled" | "refused"} Connection */
/**
 * @typedef {object} Parts
 * @property {import("./syncer.js").Syncer} syncer
 * @property {(path: string, signal: AbortSignal) => Promise<Response>} stream
 * @property {() => Promise<string | null>} cursor
 * @property {(event: { type: string, id: string, op: string, version: number }) => boolean} includes whether the copy
 *   has the change of an event, such as an edit of this device
 * @property {import("./session.js").Locks} locks
 * @property {string} name of the lock of the leader
 * @property {(connection: Connection, error?: unknown) => void} onConnection
 * @property {() => Promise<void>} onSynced
 */

const SILENCE_MS = 60_000; // the server sends a heartbeat every 20 seconds
const LONGEST_MS = 60_000;
const POLL_MS = 30_000;

/** Something that becomes due, and for which one loop waits. */
class Alarm {
  #due = false;
  #wake = () => {};

  set() {
    this.#due = true;
    this.#wake();
  }

  /** Wait until it is due, or until the time has passed. @param {number} [ms] */
  async wait(ms) {
    if (!this.#due) {
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      let timer;
      await new Promise((resolve) => {
        this.#wake = () => resolve(undefined);
        if (ms !== undefined) timer = setTimeout(resolve, ms);
      });
      clearTimeout(timer);
    }
    this.#due = false;
  }
}

/** Waits that double after each failure. Because of the random part, devices do not all connect at the same moment. */
class Backoff {
  #ms = 1000;

  reset() {
    this.#ms = 1000;
  }

  /** @param {number} [least] */
  next(least = 0) {
    const ms = Math.max(this.#ms * (0.5 + Math.random() / 2), least);
    this.#ms = Math.min(this.#ms * 2, LONGEST_MS);
    return ms;
  }
}

export class Following {
  #parts;
  #due = new Alarm();
  #streamDue = new Alarm();
  #end = new AbortController();

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Follow until `stop`, as soon as this is the tab that leads. */
  async run() {
    const { locks, name } = this.#parts;
    this.#due.set();
    await locks.request(name, async () => {
      if (!this.#isEnded) await Promise.all([this.#sync(), this.#listen()]);
    });
  }

  /** Sync soon: there is an edit, or a connection again. */
  wake() {
    this.#due.set();
    this.#streamDue.set();
  }

  stop() {
    this.#end.abort();
    this.wake();
  }

  get #isEnded() {
    return this.#end.signal.aborted;
  }

  async #sync() {
    const { syncer, onConnection, onSynced } = this.#parts;
    const backoff = new Backoff();
    while (!this.#isEnded) {
      await this.#due.wait();
      if (this.#isEnded) return;
      try {
        await syncer.sync();
        backoff.reset();
        onConnection("live");
        await onSynced();
      } catch (error) {
        if (this.#isEnded) return;
        onConnection(connectionAfter(error), error);
        if (error instanceof SignInRequired) continue; // until the user signs in
        await this.#due.wait(backoff.next(error instanceof Unavailable ? error.seconds * 1000 : 0));
        this.#due.set();
      }
    }
  }

  async #listen() {
    const backoff = new Backoff();
    while (!this.#isEnded) {
      let ms;
      try {
        await this.#read(backoff);
        ms = backoff.next();
      } catch (error) {
        if (this.#isEnded) return;
        if (error instanceof SignInRequired) {
          this.#parts.onConnection(connectionAfter(error));
          ms = undefined;
        } else if (error instanceof Refused) ms = POLL_MS; // too many streams are open
        else ms = backoff.next(error instanceof Unavailable ? error.seconds * 1000 : 0);
      }
      await this.#streamDue.wait(ms);
      this.#due.set();
    }
  }

  /** Read the stream until it ends. @param {Backoff} backoff */
  async #read(backoff) {
    const { stream, cursor, includes } = this.#parts;
    const silence = new AbortController();
    const abort = () => silence.abort();
    let timer = setTimeout(abort, SILENCE_MS);
    this.#end.signal.addEventListener("abort", abort);
    try {
      const from = await cursor();
      const response = await stream(`/events?types=${TYPES}${from ? `&cursor=${encodeURIComponent(from)}` : ""}`, silence.signal);
      const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
      const decoder = new TextDecoder();
      for (let text = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(abort, SILENCE_MS);
        backoff.reset();
        const blocks = (text + decoder.decode(value, { stream: true })).split("\n\n");
        text = /** @type {string} */ (blocks.pop());
        for (const block of blocks) {
          const data = /^data: ?(.*)$/m.exec(block)?.[1];
          if (data !== undefined && !includes(JSON.parse(data))) this.#due.set(); // the others are heartbeats
        }
      }
    } catch (error) {
      if (error instanceof Refused || error instanceof SignInRequired || error instanceof Unavailable) throw error;
      throw new Offline("The stream was interrupted.", { cause: error });
    } finally {
      clearTimeout(timer);
      this.#end.signal.removeEventListener("abort", abort);
    }
  }
}

/** @param {unknown} error @returns {Connection} */
function connectionAfter(error) {
  if (error instanceof SignInRequired) return error.isDisabled ? "disabled" : "signed-out";
  if (error instanceof Refused) return "refused";
  if (error instanceof Unavailable && error.isFull) return "full";
  if (isNoSpace(error)) return "no-space";
  return "offline";
}
