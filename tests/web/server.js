// A server process on a new SQLite database, and a peer that uses the Python client.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BIN = process.env.BIN ?? ".venv/bin";
export const PASSWORD = "uH8#kq2Lx9";

export class Server {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #process;
  url = "";

  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
  }

  static async start() {
    const server = new Server(await mkdtemp(join(tmpdir(), "tasktracker-")));
    await server.start();
    return server;
  }

  /** Start it, on the port that it had before. */
  async start() {
    const environment = {
      PATH: process.env.PATH,
      ...{ HOST: "127.0.0.1", PORT: new URL(this.url || "http://127.0.0.1:0").port || "0", THROTTLE: "off" },
      ...{ DATABASE_URL: `sqlite:///${this.folder}/tasks.db`, SECRET_KEYS: "only the tests sign with this key" },
      ...{ ARGON2_MEMORY_KIB: "8", ARGON2_PASSES: "1", REQUEST_LOG: "off", ...this.settings },
    };
    const started = spawn(`${BIN}/tasktracker`, ["serve"], { env: environment });
    this.#process = started;
    started.stdout.resume();
    for await (const line of createInterface({ input: started.stderr })) {
      const found = /on (http:\S+?)\/ /.exec(line);
      if (!found) continue;
      this.url = found[1];
      break;
    }
    started.stderr.resume();
    while (!(await fetch(`${this.url}/health/live`).catch(() => null))) await new Promise((next) => setTimeout(next, 50));
  }

  /** Settings of the next start. @type {Record<string, string>} */
  settings = {};

  async kill() {
    const ended = this.#process;
    if (!ended || ended.exitCode !== null) return;
    ended.kill("SIGKILL");
    await once(ended, "exit");
  }

  async remove() {
    await this.kill();
    await rm(this.folder, { recursive: true });
  }
}

/** A device that uses the Python client, as a process. It reads commands, and answers each with a line. */
export class Peer {
  #process;
  #lines;

  /** @param {Server} server @param {string} username @param {number} seed */
  constructor(server, username, seed) {
    const options = [server.url, join(server.folder, `peer-${seed}.db`), username, PASSWORD, String(seed)];
    this.#process = spawn(`${BIN}/python`, ["-m", "tests.web.peer", ...options], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** @param {"edit" | "sync" | "state"} command @returns {Promise<any>} */
  async ask(command) {
    this.#process.stdin.write(`${command}\n`);
    return JSON.parse((await this.#lines.next()).value);
  }

  end() {
    this.#process.stdin.end();
  }
}
