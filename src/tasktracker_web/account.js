// Who uses the app on this device, and the copy of that user.

import { markArrivals, sayWhatPasses } from "./arrivals.js";
import { BASE } from "./base.js";
import { findFirst, forgetFirst, keepFirst } from "./first.js";
import { Lists } from "./lists.js";
import { announceShared } from "./newcomers.js";
import { announceNotices, stopSystemNotices } from "./notices.js";
import { route } from "./router.js";
import { Copy } from "./sync/copy.js";
import { Offline } from "./sync/errors.js";
import { IdbStore } from "./sync/idb-store.js";
import { MemoryStore } from "./sync/memory-store.js";
import { channel, locks, sha256, uuid } from "./sync/platform.js";
import { Session } from "./sync/session.js";
import { canFile } from "./tasks.js";
import { followLanguage, forgetLanguage } from "./texts/texts.js";
import { dismiss } from "./toasts.js";
import { signal } from "./vendor/preact-signals-core.js";

/** @typedef {{ server: string, id: string, username: string, isAdmin?: boolean }} User */

const PREFIX = `tasktracker${BASE}`;
const USER = `${PREFIX}:user`; // in localStorage: no secret
const SIGNING_OUT = `${PREFIX}:signing-out`;

const shared = { channel: channel(PREFIX), locks: locks(PREFIX), now: () => Date.now() };
const session = new Session({ ...shared, fetch: (input, init) => fetch(input, init), api: `${BASE}/api` });

/** The user of this device, and the copy; undefined while the app starts, and null if there is none. @type {import("@preact/signals-core").Signal<{ user: User, copy: Copy, lists: Lists } | null | undefined>} */
export const account = signal(undefined);

/** The copy, in views that are shown only with one. */
export function useCopy() {
  return /** @type {{ copy: Copy }} */ (account.value).copy;
}

/** The id of its user, in the same views. */
export function useMe() {
  return /** @type {{ user: User }} */ (account.value).user.id;
}

/** The lists of its tasks, in the same views. */
export function useLists() {
  return /** @type {{ lists: Lists }} */ (account.value).lists;
}

/** Return whether the user may file a task in a category, or in none, in the same views. */
export function useFiling() {
  const [{ tasks, categories }, { children }, me] = [useCopy(), useLists(), useMe()];
  /** @param {import("./sync/items.js").Task} task @param {string | null} to */
  return (task, to) => canFile(task, to, me, { tasks: tasks.value, categories: categories.value, children: children.value });
}

/** Open the copy of the user who used this device last. */
export async function start() {
  shared.channel.listen((message) => {
    if (message.kind === "user" && message.id !== (account.value?.user.id ?? null)) location.reload();
  });
  addEventListener("online", () => {
    account.value?.copy.wake();
    void finishSigningOut();
  });
  addEventListener("offline", () => account.value?.copy.wake()); // it notices at once
  addEventListener("beforeunload", (event) => account.value?.copy.hasUnstored && event.preventDefault());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) keep();
    else if (account.value) {
      void account.value.copy.load().then(() => account.value?.copy.wake());
      void followProfile();
    }
  });
  addEventListener("pagehide", keep);
  await finishSigningOut();
  const user = stored();
  if (user) await open(user);
  else account.value = null;
}

/** Follow what the user has changed in the profile on another device. */
export async function followProfile() {
  const profile = await account.value?.copy.request("GET", "/accounts/me").catch(() => null); // offline: at the next start
  if (!profile) return;
  keepProfile(profile);
  followLanguage(profile.language);
}

/** @returns {User | null} */
function stored() {
  return JSON.parse(localStorage.getItem(USER) ?? "null");
}

/** Keep the first tasks for the next page, unless another tab has signed out, or this page has unstored edits. */
function keep() {
  if (!account.value?.copy.isRead.peek() || account.value.copy.hasUnstored) return;
  const { user, copy, lists } = account.value;
  if (stored()?.id === user.id) keepFirst(user, lists, [...copy.categories.peek().values()]);
}

/** @param {User} user */
async function open(user) {
  const name = `${PREFIX}:${user.server}:${user.id}`;
  // Some browsers allow no storage in private windows: the app then works while it is open.
  const store = IdbStore.open(name).catch(() => new MemoryStore());
  const copy = new Copy({ ...shared, session, store, sha256, uuid, owner: { server: user.server, user: user.id } });
  markArrivals(copy);
  sayWhatPasses(copy, user.id);
  announceShared(copy, user.id);
  announceNotices(copy, user.id);
  const opened = { user, copy, lists: new Lists(copy.tasks, user.id, copy.reminders) };
  const first = route.peek().name === "task" ? null : findFirst(user); // a task is written in: it must be current
  if (first) {
    copy.preview(first);
    account.value = opened;
  }
  await copy.start();
  account.value = opened;
}

/** @param {() => Promise<import("./sync/items.js").Schemas["UserView"]>} signingIn */
async function enter(signingIn) {
  const { id, username, is_admin, language } = await signingIn();
  localStorage.removeItem(SIGNING_OUT);
  const { server } = await session.root();
  const before = account.value;
  if (before?.user.id === id && before.user.server === server) before.copy.wake();
  else {
    before?.copy.stop(); // its user's changes stay on this device
    dismiss(); // what the user before did
    const user = { server, id, username, isAdmin: is_admin };
    localStorage.setItem(USER, JSON.stringify(user));
    shared.channel.post({ kind: "user", id });
    await open(user);
  }
  followLanguage(language);
}

/** Create an account. @param {import("./sync/items.js").Schemas["Register"]} fields */
export function register(fields) {
  return enter(() => session.register(fields));
}

/** @param {import("./sync/items.js").Schemas["Login"]} fields */
export function signIn(fields) {
  return enter(() => session.login(fields));
}

/** Return the last requests that have failed. */
export function failures() {
  return session.failures;
}

/** Ask for a link for a new password by mail. @param {string} username or address */
export function forgotPassword(username) {
  return session.forgot(username);
}

/** Keep the name and the role of the user on this device. @param {import("./sync/items.js").Schemas["UserView"]} profile */
export function keepProfile({ username, is_admin }) {
  if (!account.value) return;
  const user = { ...account.value.user, username, isAdmin: is_admin };
  if (JSON.stringify(user) === JSON.stringify(account.value.user)) return;
  localStorage.setItem(USER, JSON.stringify(user));
  account.value = { ...account.value, user };
}

/** Remove the copy from this device, and end the session: later, if the server cannot be reached. */
export async function signOut() {
  localStorage.removeItem(USER);
  localStorage.setItem(SIGNING_OUT, "yes");
  sessionStorage.clear(); // texts that were being written
  forgetFirst();
  forgetLanguage();
  void stopSystemNotices();
  dismiss();
  const before = account.value;
  account.value = null;
  shared.channel.post({ kind: "user", id: null });
  await before?.copy.remove();
  await finishSigningOut();
}

async function finishSigningOut() {
  if (!localStorage.getItem(SIGNING_OUT)) return;
  try {
    await session.logout();
    localStorage.removeItem(SIGNING_OUT);
  } catch {} // the server was not reached, or is busy: later
}

/** Return the description of the server, also without a session. @returns {Promise<import("./sync/items.js").Schemas["RootView"]>} */
export async function describeServer() {
  const response = await fetch(`${BASE}/api`);
  if (!response.ok) throw new Offline();
  return response.json();
}
