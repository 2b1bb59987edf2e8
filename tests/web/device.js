// A device for tests: the sync engine with a store in memory, and a network that can fail.

import { createHash, randomUUID } from "node:crypto";
import { Copy } from "../../src/tasktracker_web/sync/copy.js";
import { MemoryStore } from "../../src/tasktracker_web/sync/memory-store.js";
import { Session } from "../../src/tasktracker_web/sync/session.js";

/** The tabs of one browser share its cookie, its locks and its messages. */
export class Browser {
  isOnline = true;
  /** Whether to lose the next response. @type {(path: string) => boolean} */
  loses = () => false;
  /** Sent requests, as method and path. @type {string[]} */
  requests = [];
  store = new MemoryStore();
  cookie = "";
  #url;
  /** @type {Map<string, Promise<unknown>>} */
  #held = new Map();
  #bus = new EventTarget();

  /** @param {string} url */
  constructor(url) {
    this.#url = url;
  }

  /** @type {import("../../src/tasktracker_web/sync/session.js").Locks} */
  locks = {
    request: (name, work) => {
      const next = (this.#held.get(name) ?? Promise.resolve()).then(work);
      this.#held.set(name, next.catch(() => {}));
      return next;
    },
  };

  /** Open a tab. @returns {Tab} */
  tab() {
    return new Tab(this, this.#channel());
  }

  /** @returns {import("../../src/tasktracker_web/sync/session.js").Channel} */
  #channel() {
    const sender = randomUUID();
    return {
      post: (message) => {
        this.#bus.dispatchEvent(new CustomEvent("message", { detail: { sender, message: structuredClone(message) } }));
      },
      listen: (listener) => {
        const hear = (/** @type {any} */ { detail }) => detail.sender !== sender && queueMicrotask(() => listener(detail.message));
        this.#bus.addEventListener("message", hear);
        return () => this.#bus.removeEventListener("message", hear);
      },
    };
  }

  /** @type {typeof fetch} */
  fetch = async (path, options = {}) => {
    this.requests.push(`${options.method ?? "GET"} ${path}`);
    if (!this.isOnline) throw new TypeError("fetch failed");
    const headers = { ...options.headers, "Sec-Fetch-Site": "same-origin", ...(this.cookie && { Cookie: this.cookie }) };
    const response = await fetch(this.#url + path, { ...options, headers });
    for (const cookie of response.headers.getSetCookie()) this.cookie = cookie.split(";")[0];
    if (!this.isOnline || this.loses(String(path))) throw new TypeError("fetch failed");
    return response;
  };
}

export class Tab {
  /** @param {Browser} browser @param {import("../../src/tasktracker_web/sync/session.js").Channel} channel */
  constructor(browser, channel) {
    const now = () => Date.now();
    const { locks } = browser;
    this.browser = browser;
    this.session = new Session({ fetch: browser.fetch, channel, locks, now, api: "/api" });
    const sha256 = async (/** @type {string} */ text) => createHash("sha256").update(text).digest("hex");
    const parts = { session: this.session, channel, locks, sha256, uuid: randomUUID, now };
    this.open = async () => {
      const { server, user } = await this.session.root();
      this.#copy = new Copy({ ...parts, store: opened(browser.store), owner: { server, user: String(user?.id) } });
      await this.#copy.start();
    };
  }

  /** @type {Copy | undefined} */
  #copy;

  /** The copy, after `open`. */
  get copy() {
    return /** @type {Copy} */ (this.#copy);
  }

  /** Whether the server has confirmed every edit, and the copy shows what it has made of them. */
  get isIdle() {
    const { tasks, categories, reminders, notifications, waiting, status } = this.copy;
    const shown = [tasks, categories, reminders, notifications].flatMap(({ value }) => [.../** @type {Map<string, any>} */ (value).values()]);
    return waiting.value === 0 && status.value.connection === "live" && !shown.some(({ pending }) => pending);
  }

  /** All items as they are shown. */
  get items() {
    /** @type {any[]} */
    const all = [...this.copy.tasks.value.values(), ...this.copy.categories.value.values()];
    return Object.fromEntries(all.map(({ created_by: _, ...item }) => [item.id, item]));
  }

  /** @returns {string[]} */
  get titles() {
    return [...this.copy.tasks.value.values()].map((task) => task.title).sort();
  }
}

/**
 * Return a store that can be closed, as a page closes its database: what it reads or writes later fails.
 * @param {import("../../src/tasktracker_web/sync/store.js").Store} store @returns {import("../../src/tasktracker_web/sync/store.js").Store}
 */
function opened(store) {
  let isOpen = true;
  const open = () => {
    if (!isOpen) throw new Error("The store is closed.");
    return store;
  };
  return {
    read: async (work) => open().read(work),
    write: async (work, mirror) => open().write(work, mirror),
    tidy: () => store.tidy(),
    close: () => void (isOpen = false),
    destroy: () => store.destroy(),
  };
}

/** @param {Tab[]} tabs */
export const areIdle = (...tabs) => tabs.every(({ isIdle }) => isIdle);

/** Wait until something is true. @param {() => unknown} isTrue @param {() => unknown} [describe] */
export async function until(isTrue, describe = () => isTrue) {
  const end = Date.now() + 60_000;
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`This did not become true: ${describe()}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}
