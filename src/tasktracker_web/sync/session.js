// The session of a browser. The refresh token is in a cookie that no script can read. The access token is in memory.

import { Offline, Refused, SignInRequired, Unavailable } from "./errors.js";

/** @typedef {import("./items.js").Schemas} Schemas */
/**
 * The lock manager of the browser, or its replacement.
 * @typedef {{ request<T>(name: string, work: () => Promise<T>): Promise<T> }} Locks
 */
/**
 * Messages between the tabs. `listen` returns a function that stops listening.
 * @typedef {{ post(message: any): void, listen(listener: (message: any) => void): () => void }} Channel
 */

/** A request that the server did not accept, with its id in the log of the server. @typedef {{ at: number, method: string, path: string, status: number, id: string }} Failure */

const MAX_FAILURES = 20;
const JSON_TYPES = /^application\/(problem\+)?json\b/;
const FILE = { "Content-Type": "application/octet-stream", Prefer: "respond-async" };
const COOKIE = { "X-Session-Transport": "cookie" };
/** How long other tabs may take to answer whether they have a token. */
const ANSWER_MS = 100;
const TIMEOUT_MS = 30_000;
/** How long a file may take. */
const FILE_MS = 600_000;

export class Session {
  #fetch;
  #channel;
  #locks;
  #now;
  #api;
  /** @type {{ token: string, until: number } | null} */
  #access = null;
  /** @type {Failure[]} */
  #failures = [];
  /** @type {{ token: string, root: Promise<Schemas["RootView"]> } | null} */
  #root = null;

  /** @param {{ fetch: typeof fetch, channel: Channel, locks: Locks, now: () => number, api: string }} parts */
  constructor({ fetch, channel, locks, now, api }) {
    this.#fetch = fetch;
    this.#channel = channel;
    this.#locks = locks;
    this.#now = now;
    this.#api = api;
    channel.listen((message) => {
      if (message.kind === "token?" && this.#isFresh()) channel.post({ kind: "token", access: this.#access });
      if (message.kind === "token") this.#access = message.access;
    });
  }

  /** The last requests that have failed, the newest first. */
  get failures() {
    return this.#failures;
  }

  /** Create an account, and sign in. @param {Schemas["Register"]} fields @returns {Promise<Schemas["UserView"]>} */
  register(fields) {
    return this.#signIn("/accounts/register", fields);
  }

  /** @param {Schemas["Login"]} fields @returns {Promise<Schemas["UserView"]>} */
  login(fields) {
    return this.#signIn("/accounts/login", fields);
  }

  /** Ask for a link for a new password by mail. @param {string} username or address @returns {Promise<void>} */
  forgot(username) {
    return this.#ask("POST", "/accounts/password/forgot", { username }, {});
  }

  /** End the session on the server. Raises Offline. */
  async logout() {
    this.#access = null;
    this.#channel.post({ kind: "token", access: null });
    try {
      await this.#ask("POST", "/accounts/logout", undefined, COOKIE);
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // there was no session
    }
  }

  /**
   * Return the description of the server, with the user of the token: another tab may have signed in as another user.
   * @returns {Promise<Schemas["RootView"]>}
   */
  async root() {
    const token = await this.#token();
    if (this.#root?.token !== token) this.#root = { token, root: this.call("GET", "/") };
    const { root } = this.#root;
    root.catch(() => (this.#root = null)); // ask again
    return root;
  }

  /**
   * Send a request, and return the body of the response. The body of the request is a value, or a file, which the
   * server processes after the response. Raises SignInRequired, Refused, Unavailable and Offline.
   * @param {string} method @param {string} path @param {unknown} [body]
   */
  async call(method, path, body) {
    return this.#authorized((headers) => this.#ask(method, path, body, headers));
  }

  /** Open a stream of events. @param {string} path @param {AbortSignal} signal @returns {Promise<Response>} */
  async stream(path, signal) {
    return this.#authorized(async (headers) => {
      const response = await this.#send(path, { headers, signal, cache: "no-store" });
      if (!response.ok) await understood(response);
      return response;
    });
  }

  /** Fetch a file. @param {string} path @returns {Promise<Blob>} */
  async download(path) {
    const response = await this.stream(path, AbortSignal.timeout(FILE_MS));
    return response.blob().catch((cause) => {
      throw new Offline("The response was interrupted.", { cause });
    });
  }

  /** @template T @param {(headers: Record<string, string>) => Promise<T>} send @returns {Promise<T>} */
  async #authorized(send) {
    for (let attempt = 1; ; attempt++) {
      const token = await this.#token();
      try {
        return await send({ Authorization: `Bearer ${token}` });
      } catch (error) {
        if (!(error instanceof Refused) || error.status !== 401 || attempt === 2) throw error;
        if (this.#access?.token === token) this.#access = null;
      }
    }
  }

  async #token() {
    if (!this.#isFresh()) await this.#locks.request("token", () => this.#renew());
    return /** @type {{ token: string }} */ (this.#access).token;
  }

  /** Get a token from another tab, or from the server. One tab at a time does this. */
  async #renew() {
    if (this.#isFresh()) return;
    this.#channel.post({ kind: "token?" });
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    if (this.#isFresh()) return;
    try {
      this.#keep(await this.#ask("POST", "/accounts/refresh", undefined, COOKIE));
    } catch (error) {
      const isDisabled = error instanceof Refused && error.slug === "account-disabled";
      if (isDisabled || (error instanceof Refused && error.status === 401)) throw new SignInRequired(isDisabled);
      throw error;
    }
  }

  /** @param {string} path @param {object} fields */
  async #signIn(path, fields) {
    const answer = await this.#ask("POST", path, fields, COOKIE);
    this.#keep(answer);
    return answer.user;
  }

  /** @param {{ access: string, expires_in: number }} answer */
  #keep({ access, expires_in }) {
    // It is refreshed some time before it expires, by the clock of this device.
    this.#access = { token: access, until: this.#now() + expires_in * 900 };
    this.#channel.post({ kind: "token", access: this.#access });
  }

  #isFresh() {
    return this.#access !== null && this.#now() < this.#access.until;
  }

  /** @param {string} method @param {string} path @param {unknown} body @param {Record<string, string>} headers */
  async #ask(method, path, body, headers) {
    const isFile = body instanceof Blob;
    const sent = body === undefined ? {} : { body: isFile ? body : JSON.stringify(body) };
    /** @type {Record<string, string>} */
    const type = isFile ? FILE : body === undefined ? {} : { "Content-Type": "application/json" };
    const signal = AbortSignal.timeout(isFile ? FILE_MS : TIMEOUT_MS);
    return understood(await this.#send(path, { method, headers: { ...headers, ...type }, ...sent, signal }));
  }

  /** @param {string} path @param {RequestInit} options */
  async #send(path, options) {
    try {
      const response = await this.#fetch.call(undefined, this.#api + path, options);
      const { status, ok, headers } = response;
      const id = headers.get("X-Request-ID");
      if (!ok && id && status !== 401) {
        const failure = { at: this.#now(), method: options.method ?? "GET", path: path.split("?")[0], status, id };
        this.#failures = [failure, ...this.#failures].slice(0, MAX_FAILURES);
      }
      return response;
    } catch (error) {
      throw new Offline("The server was not reached.", { cause: error });
    }
  }
}

/** Return the JSON in a response. @param {Response} response */
async function understood(response) {
  const { ok, status, headers } = response;
  if (status === 204) return null;
  if (JSON_TYPES.test(headers.get("Content-Type") ?? "")) {
    const answer = await response.json().catch((cause) => {
      throw new Offline("The response was interrupted.", { cause });
    });
    if (ok) return answer;
    if (status !== 429 && status < 500) throw new Refused(status, answer);
  } else if (ok || status < 500) throw new Offline("Another program than the server has answered.");
  throw new Unavailable(status, Number(headers.get("Retry-After")) || 0, headers.get("X-Request-ID") ?? "");
}
