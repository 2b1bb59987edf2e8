// Why a request failed.

/** The server was not reached, or something else answered, such as the login page of a network. */
export class Offline extends Error {}

/** The server is busy or fails. `isFull` is true if its disk is full. `id` is that of the request in the log of the server. */
export class Unavailable extends Error {
  /** @param {number} status @param {number} seconds after which to try again @param {string} [id] */
  constructor(status, seconds, id = "") {
    super(`The server answered ${status}.`);
    this.status = status;
    this.id = id;
    this.isFull = status === 507;
    this.seconds = seconds;
  }
}

/** The device has no space left. The edit is in memory, and is stored when there is space. */
export class NoSpace extends Error {}

/** Whether a store has refused a transaction because the device has no space left. @param {unknown} error */
export function isNoSpace(error) {
  return error instanceof Error && error.name === "QuotaExceededError";
}

/** The user has to sign in. `isDisabled` is true if an administrator disabled the account. */
export class SignInRequired extends Error {
  constructor(isDisabled = false) {
    super();
    this.isDisabled = isDisabled;
  }
}

/** The server refused the request. */
export class Refused extends Error {
  /** @param {number} status @param {import("./items.js").Fields} problem as in RFC 9457 */
  constructor(status, problem) {
    super(problem.detail ?? problem.title);
    this.status = status;
    this.problem = problem;
  }

  /** The last part of the problem's type. */
  get slug() {
    return String(this.problem.type).split("/").at(-1) ?? "";
  }

  /** The message for each invalid field. @returns {Record<string, string>} */
  get fields() {
    /** @type {{ field: string, message: string }[]} */
    const errors = this.problem.errors ?? [];
    return Object.fromEntries(errors.map(({ field, message }) => [field, message]));
  }
}
