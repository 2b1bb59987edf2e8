// What happens between an event and the pull that follows it, with the real server.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { Browser, until } from "./device.js";
import { PASSWORD, Server } from "./server.js";

/** @type {Server} */
let server;

before(async () => {
  server = await Server.start();
});

after(async () => {
  await server.remove();
});

test("a task that is deleted while its creation is being received does not stay", async () => {
  const browser = new Browser(server.url);
  const { fetch } = browser;
  const id = randomUUID();
  let isDeleted = false;
  browser.fetch = async (path, options) => {
    const response = await fetch(path, options);
    const isPage = String(path).startsWith("/api/sync?") && (await response.clone().text()).includes(id);
    if (!isPage || isDeleted) return response;
    isDeleted = true;
    await tab.session.call("DELETE", `/tasks/${id}`);
    await new Promise((next) => setTimeout(next, 500)); // in which the event of the deletion arrives
    return response;
  };
  const tab = browser.tab();
  await tab.session.register({ username: "someone", password: PASSWORD });
  await tab.open();
  await until(() => tab.copy.checked.value !== null); // a check also receives changes
  await tab.session.call("POST", "/sync", { mutations: [{ id: randomUUID(), type: "task", op: "create", target: id, data: { title: "a" } }] });
  await until(() => tab.copy.read((tx) => tx.get("deletions", id)));
  assert.deepEqual(tab.titles, []);
  tab.copy.stop();
});
