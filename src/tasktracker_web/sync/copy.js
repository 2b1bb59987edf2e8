// The copy of one user on this device, as signals for views, and the actions of the user on it.

import { batch, signal } from "../vendor/preact-signals-core.js";
import { Collection } from "./collection.js";
import { isNoSpace, NoSpace, Refused, SignInRequired } from "./errors.js";
import { Following } from "./following.js";
import { asReturned, canOrganise, editable, isPersonal, TRASH, TYPES, withCleared, withEnd } from "./items.js";
import { queue } from "./outbox.js";
import { cursorOf } from "./receiving.js";
import { isNotFound } from "./settling.js";
import { below, Layer, tree, view } from "./shown.js";
import { meta, setMeta, TABLE_NAMES, TABLES } from "./store.js";
import { Syncer } from "./syncer.js";

/** @typedef {import("./items.js").Type} Type */
/** @typedef {import("./items.js").Fields} Fields */
/** @typedef {import("./items.js").Task} Task */
/** @typedef {import("./items.js").Category} Category */
/** @typedef {import("./store.js").Issue} Issue */
/** @typedef {import("./store.js").Edit} Edit */
/** @typedef {import("./store.js").Table} Table */
/** What was not kept in a conflict, and what was. @typedef {{ id: string, task: string, at: string, fields: Record<string, { before: any, after: any }> }} Decision */
/** What undoes an action. @typedef {() => Promise<unknown>} Undo */
/**
 * How the copy and the server are connected. `received` counts the changes of the running pull.
 * @typedef {{ connection: import("./following.js").Connection, received: number }} Status
 */
/** The last comparison with the server: its time, the number of items, and whether they differed. @typedef {{ at: number, count: number, differs: boolean }} Check */
/** The last answer of the server to a request for a list, and its time. @typedef {{ at: number, results: any[], pending?: any[] }} Answer */
/** An edit as it is made. @typedef {{ type: Type, op: import("./items.js").Op, target: string, data?: Fields }} NewEdit */
/** Whose copy it is: the ids of the server and of the user. @typedef {{ server: string, user: string }} Owner */
/**
 * @typedef {object} Parts
 * @property {import("./store.js").Store | Promise<import("./store.js").Store>} store it may still be opened
 * @property {import("./session.js").Session} session
 * @property {import("./session.js").Channel} channel
 * @property {import("./session.js").Locks} locks
 * @property {import("./digest.js").Sha256 | null} sha256 null where browsers have none: over plain HTTP
 * @property {() => string} uuid
 * @property {() => number} now milliseconds since 1970
 * @property {Owner} owner
 */

/** How old a comparison with the server may be when something is synced, also after the connection was lost. */
const CHECK_MS = 5 * 60_000;
const RECHECK_MS = 60_000;
const SHOW_MS = 500;
const RETRY_MS = 5000;
const RETENTION_DAYS = 30; // unless the server says otherwise
const MAX_ANSWERS = 50;
const MAX_GONE = 200;

export class Copy {
  /** @type {Collection<Task>} */
  tasks = new Collection();
  /** @type {Collection<Category>} */
  categories = new Collection();
  /** @type {Collection<import("./items.js").Reminder>} */
  reminders = new Collection();
  /** @type {Collection<import("./items.js").Notification>} */
  notifications = new Collection();
  /** The edits, or parts of edits, that the server does not have. @type {import("@preact/signals-core").Signal<Issue[]>} */
  issues = signal([]);
  /** @type {import("@preact/signals-core").Signal<Status>} */
  status = signal({ connection: "starting", received: 0 });
  /** The last decisions on conflicts, made here. @type {import("@preact/signals-core").Signal<Decision[]>} */
  decisions = signal([]);
  /** The number of edits that the server has not confirmed. */
  waiting = signal(0);
  /** Whether the copy was read. Before that, a part of it may be shown, as it was some time ago. */
  isRead = signal(false);
  /** Whether everything has been received once. */
  isComplete = signal(false);
  /** Whether the user has seen the first tasks that the app suggests. */
  isWelcomed = signal(true);
  /** @type {import("@preact/signals-core").Signal<Check | null>} */
  checked = signal(null);

  /** The lists that were asked for, such as the trash, by their path. @type {import("@preact/signals-core").Signal<Map<string, Answer>>} */
  answers = signal(new Map());
  /** The names of users, by their ids, as far as answers had them. @type {import("@preact/signals-core").Signal<Record<string, string>>} */
  names = signal({});

  /** @type {import("./outbox.js").Context} */
  context;
  #parts;
  #name;
  #syncer;
  #following;
  /** @type {Map<Table, Map<string | number, any>>} */
  #rows = new Map();
  /** The revision of each row: messages of other tabs may arrive in another order. @type {Map<string, number>} */
  #revisions = new Map();
  #revision = 0;
  #loaded = -1;
  /** The writes of other tabs before everything was read. @type {Pick<import("./store.js").Committed<unknown>, "writes" | "previous" | "revision">[]} */
  #early = [];
  /** The revision up to which the rows are as in the store; and later revisions that came before missing ones. */
  #exact = -1;
  /** @type {Map<number, number>} */
  #next = new Map();
  /** @type {Record<Type, Collection<any>>} */
  #shown = { task: this.tasks, category: this.categories, reminder: this.reminders, notification: this.notifications };
  /** @type {Record<Type, import("./shown.js").View>} */
  #views = byType(() => ({ shown: new Layer(new Map()), deleted: new Map() }));
  /** The items that have disappeared last, so that an edit that was made meanwhile can be shown with its item. @type {Map<string, Fields>} */
  #gone = new Map();
  /** The items whose rows have changed since they were shown. @type {Record<Type, Set<string>>} */
  #changed = byType(() => new Set());
  /** Whether this is the tab that keeps the copy in sync, and knows the state of the connection. */
  #isLeading = false;
  /** Whether the connection was lost since the last comparison. */
  #wasLost = false;
  #stopListening = () => {};
  /** Edits that are being stored, as they are shown. @type {Set<unknown>} */
  #provisional = new Set();
  /** Edits that are only in memory. @type {{ edit: NewEdit, shown: unknown }[]} */
  #unstored = [];
  /** @type {Promise<void>} */
  #storing = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retrying;
  /** The number of the last edit that was made here. New items are ordered by it. The store will give the edit the same number. */
  #lastNumber = 0;
  /** @type {Promise<void>} */
  #reading = Promise.resolve();
  /** The number of edits that wait until the copy is read. */
  #delayed = 0;
  #shownAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #showing;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    const { uuid, now, session, sha256, locks, owner } = parts;
    this.#name = `${owner.server}:${owner.user}`;
    const lastShown = (/** @type {Type} */ type, /** @type {string} */ id) =>
      this.#shown[type].peek().get(id) ?? this.#views[type].deleted.get(id) ?? this.#gone.get(id);
    this.context = { uuid, now, lastShown };
    for (const type of TYPES) if (!isPersonal(type)) this.#shown[type].listen((changes) => this.#keepGone(changes));
    this.#syncer = new Syncer({
      copy: this,
      call: (method, path, body) => this.#call(method, path, body),
      sha256: sha256 ?? (async () => ""),
      onProgress: (received) => this.#report({ received }),
    });
    this.#following = new Following({
      syncer: this.#syncer,
      stream: (path, abort) => session.stream(path, abort),
      cursor: () => this.read(cursorOf),
      includes: ({ type, id, op, version }) => {
        // The page that is being received may have a task that the copy does not have yet.
        const row = this.#rows.get(op === "delete" ? "deletions" : /** @type {Table} */ (type))?.get(id);
        return row !== undefined && row.version >= version;
      },
      locks,
      name: `leader:${this.#name}`,
      onConnection: (connection) => {
        this.#isLeading = true;
        if (connection === "offline") this.#wasLost = true;
        this.#report({ connection });
      },
      onSynced: () => this.#checkIfDue(),
    });
  }

  /** Read the copy, and keep it in sync from now on. The returned promise resolves when it can be shown. */
  async start() {
    this.#stopListening = this.#parts.channel.listen((message) => this.#hear(message));
    this.#parts.channel.post({ kind: "status?", name: this.#name });
    await (this.#reading = this.load());
    void (await this.#parts.store).tidy().catch(() => {}); // it only makes the next start faster
    void this.#following.run();
  }

  /** Show items until the copy is read. @param {{ task: Task[], category: Category[] }} items */
  preview(items) {
    for (const type of /** @type {const} */ (["task", "category"])) {
      const found = new Map(items[type].map((item) => /** @type {[string, Task | Category]} */ ([item.id, item])));
      this.#shown[type].update(found.keys(), (id) => found.get(id));
    }
  }

  /** Wait until the copy is read: what is shown before may have changed. Raises the error of the reading. */
  async #isBased() {
    this.#delayed++;
    await this.#reading.finally(() => this.#delayed--);
  }

  /** Stop syncing. The copy stays on the device. */
  async stop() {
    this.#stopListening();
    clearTimeout(this.#retrying);
    this.#following.stop();
    (await this.#parts.store).close();
  }

  /** Stop, and remove the copy from the device, with the edits that were not sent. */
  async remove() {
    await this.stop();
    await (await this.#parts.store).destroy();
  }

  /** Sync soon, for example because the network is back. */
  wake() {
    this.#following.wake();
  }

  /** Read everything, if this tab has missed messages of others: browsers stop hidden tabs. */
  async load() {
    const { tables, revision } = await this.read(async (tx) => ({
      tables: await Promise.all(TABLE_NAMES.map((table) => tx.getAll(table))),
      revision: await meta(tx, "revision", 0),
    }));
    if (revision <= this.#revision && this.#rows.size) return;
    TABLE_NAMES.forEach((table, index) => {
      const rows = tables[index].map((row) => /** @type {[string | number, any]} */ ([row[TABLES[table]], row]));
      this.#rows.set(table, new Map(rows));
    });
    for (const type of TYPES) this.#changed[type] = new Set([...this.#shown[type].peek().keys(), ...this.#table(type).keys()]);
    this.#revisions.clear();
    this.#next.clear();
    this.#loaded = this.#exact = this.#revision = revision;
    for (const committed of this.#early.splice(0)) this.#apply(committed);
    this.#show();
    this.isRead.value = true;
  }

  // ------------------------------------------------------------------ storing

  /** @template T @param {(tx: import("./store.js").Reading) => Promise<T>} work @returns {Promise<T>} */
  async read(work) {
    return (await this.#parts.store).read(work);
  }

  /** @template T @param {(tx: import("./store.js").Transaction) => Promise<T>} work @param {unknown[]} [provisional] the edits that it stores @returns {Promise<T>} */
  async write(work, provisional = []) {
    const store = await this.#parts.store;
    if (!this.isRead.peek()) await this.#isBased();
    const mirror = { revision: this.#exact, rows: this.#rows };
    const { result, ...committed } = await store.write(work, mirror);
    for (const edit of provisional) this.#provisional.delete(edit);
    if (committed.writes.length) {
      this.#parts.channel.post({ kind: "writes", name: this.#name, ...committed });
      this.#apply(committed);
    }
    return result;
  }

  /** @param {Pick<import("./store.js").Committed<unknown>, "writes" | "previous" | "revision">} committed */
  #apply({ writes, previous, revision }) {
    if (revision <= this.#loaded) return; // it was among the rows that were read
    for (const [table, key, row] of writes) {
      const name = `${table}/${key}`;
      if ((this.#revisions.get(name) ?? 0) > revision) continue;
      this.#revisions.set(name, revision);
      if (row === undefined) this.#table(table).delete(key);
      else this.#table(table).set(key, row);
      this.#changed[/** @type {Type} */ (table)]?.add(/** @type {string} */ (key));
    }
    this.#revision = Math.max(this.#revision, revision);
    this.#next.set(previous, revision);
    for (let next; (next = this.#next.get(this.#exact)) !== undefined; this.#exact = next) this.#next.delete(this.#exact);
    // During the first pull, showing each page would take longer than storing it. An edit is shown at once.
    const isFirst = this.#meta("complete_at") === null && !writes.some(([table]) => table === "outbox");
    const wait = isFirst ? this.#shownAt + SHOW_MS - this.#parts.now() : 0;
    clearTimeout(this.#showing);
    if (wait <= 0) this.#show();
    else this.#showing = setTimeout(() => this.#show(), wait);
  }

  /** Update the watched items. The cost depends on the number of changed items and unsent edits. */
  #show() {
    this.#shownAt = this.#parts.now();
    const stored = /** @type {Edit[]} */ ([...this.#table("outbox").values()].sort((a, b) => a.number - b.number));
    const edits = [...stored, .../** @type {Set<Edit>} */ (this.#provisional)];
    const deletions = this.#table("deletions");
    const before = this.#views;
    const category = view("category", this.#table("category"), edits, deletions);
    const task = view("task", this.#table("task"), edits, deletions, category.shown);
    const others = /** @type {const} */ (["reminder", "notification"]).map((type) => view(type, this.#table(type), edits, deletions));
    this.#views = { category, task, reminder: others[0], notification: others[1] };
    batch(() => {
      for (const type of TYPES) {
        const { shown } = this.#views[type];
        const ids = new Set([...this.#changed[type], ...before[type].shown.replaced.keys(), ...shown.replaced.keys()]);
        this.#changed[type].clear();
        this.#shown[type].update(ids, (id) => shown.get(id));
      }
      replace(this.issues, [...this.#table("issues").values()]);
      this.waiting.value = edits.filter((edit) => edit.done_version === null).length;
      this.isComplete.value = this.#meta("complete_at") !== null;
      this.isWelcomed.value = this.#meta("welcomed") !== null;
      this.checked.value = this.#meta("checked");
      this.decisions.value = this.#meta("decisions") ?? NONE;
      replace(this.answers, new Map([...this.#table("meta").values()].filter(({ name }) => isPath(name)).map(({ name, value }) => [name, value])));
      this.names.value = this.#meta("names") ?? this.names.value;
    });
  }

  /** @param {import("./collection.js").Change<any>[]} changes */
  #keepGone(changes) {
    for (const [before, after] of changes) {
      if (after) this.#gone.delete(after.id);
      else this.#gone.set(before.id, before);
    }
    for (const id of [...this.#gone.keys()].slice(0, -MAX_GONE)) this.#gone.delete(id);
  }

  /** @param {Table} table */
  #table(table) {
    return /** @type {Map<any, any>} */ (this.#rows.get(table));
  }

  /** @param {string} name */
  #meta(name) {
    return this.#rows.get("meta")?.get(name)?.value ?? null;
  }

  /** @param {any} message of another tab */
  #hear(message) {
    if (message.kind === "token" && message.access) this.wake();
    if (message.name !== this.#name) return;
    if (message.kind === "writes") this.#rows.size ? this.#apply(message) : this.#early.push(message);
    else if (message.kind === "edited") this.wake();
    else if (message.kind === "status") this.status.value = message.status;
    else if (message.kind === "status?" && this.#isLeading) this.#postStatus();
  }

  /** @param {Partial<Status>} change */
  #report(change) {
    const status = { ...this.status.value, ...change };
    if (JSON.stringify(status) === JSON.stringify(this.status.value)) return;
    this.status.value = status;
    this.#postStatus();
  }

  #postStatus() {
    this.#parts.channel.post({ kind: "status", name: this.#name, status: this.status.value });
  }

  // ------------------------------------------------------------------ editing

  /** Create an item. @param {Type} type @param {Fields} data @param {string} [id] @returns {Promise<Undo>} */
  async create(type, data, id = this.#parts.uuid()) {
    await this.#edit({ type, op: "create", target: id, data });
    return () => this.trash(type, id);
  }

  /** Create tasks. Lists show the newest first, so the first one is created last. @param {Fields[]} tasks @param {string[]} [ids] of them @returns {Promise<Undo>} */
  async createAll(tasks, ids = tasks.map(() => this.#parts.uuid())) {
    await this.#edit(...tasks.map((data, index) => /** @type {NewEdit} */ ({ type: "task", op: "create", target: ids[index], data })).reverse());
    return () => this.trashAll(ids);
  }

  /** Suggest no first tasks any more. */
  welcome() {
    return this.write(async (tx) => setMeta(tx, { welcomed: true }));
  }

  /** Change fields of an item. @param {Type} type @param {string} id @param {Fields} data @returns {Promise<Undo>} */
  edit(type, id, data) {
    return this.editAll(type, [id], data);
  }

  /** Change the same fields of several items. Tasks take the subtasks of their category along into another. @param {Type} type @param {string[]} ids @param {Fields} fields @returns {Promise<Undo>} */
  async editAll(type, ids, fields) {
    const data = withCleared(fields);
    if (!this.isRead.peek()) await this.#isBased();
    const isFiled = type === "task" && "category" in data;
    const all = isFiled ? this.#withSubtasks(ids) : ids;
    const before = all.map((id) => this.context.lastShown(type, id) ?? {});
    // Into a shared category, the server moves them with the task.
    const edits = (/** @type {(index: number) => Fields} */ dataOf) =>
      this.#edit(...all.flatMap((target, index) => {
        const own = dataOf(index);
        const follows = isFiled && !ids.includes(target) && this.#isShared(own.category);
        return follows ? [] : [/** @type {NewEdit} */ ({ type, op: "update", target, data: own })];
      }));
    const done = before.map((each) => withEnd(data, each));
    await edits((index) => done[index]);
    return () => edits((index) => Object.fromEntries(Object.keys(done[index]).map((name) => [name, before[index][name] ?? null])));
  }

  /** @param {string | null} category */
  #isShared(category) {
    const found = this.categories.peek().get(category ?? "");
    return found !== undefined && found.members.length > 0;
  }

  /** Return tasks, and those below each that are in the same category. @param {string[]} ids */
  #withSubtasks(ids) {
    const tasks = this.tasks.peek();
    const children = below([...tasks].filter(([, { parent }]) => parent));
    const all = new Set(ids);
    for (const root of ids) {
      for (const id of tree(children, root)) if (tasks.get(id)?.category === tasks.get(root)?.category) all.add(id);
    }
    return [...all];
  }

  /** Move a task to the trash with its subtasks, or delete another item. @param {Type} type @param {string} id @returns {Promise<Undo>} */
  async trash(type, id) {
    if (type === "task") return this.trashAll([id]);
    if (!this.isRead.peek()) await this.#isBased();
    const before = editable(type, this.context.lastShown(type, id) ?? {});
    const filed = type === "category" ? [...this.tasks.peek().values()].filter((task) => task.category === id).map((task) => task.id) : [];
    await this.#edit({ type, op: "delete", target: id });
    return async () => {
      const again = this.#parts.uuid(); // it cannot be restored
      await this.create(type, before, again);
      await this.#edit(...filed.map((target) => /** @type {NewEdit} */ ({ type: "task", op: "update", target, data: { category: again } })));
    };
  }

  /** Move tasks to the trash with their subtasks. None may be below another. @param {string[]} ids @returns {Promise<Undo>} */
  async trashAll(ids) {
    await this.#edit(...ids.map((target) => /** @type {NewEdit} */ ({ type: "task", op: "delete", target })));
    return () => this.#edit(...ids.map((target) => /** @type {NewEdit} */ ({ type: "task", op: "restore", target })));
  }

  /** Take tasks out of the trash. @param {string[]} ids @returns {Promise<Undo>} */
  async restore(...ids) {
    await this.#edit(...ids.map((target) => /** @type {NewEdit} */ ({ type: "task", op: "restore", target })));
    /** Change the trash as the server has listed it last. @param {(results: Fields[]) => Fields[]} change */
    const list = (change) =>
      this.write(async (tx) => {
        const trash = await meta(tx, TRASH);
        if (trash) setMeta(tx, { [TRASH]: { ...trash, results: change(trash.results) } });
      });
    /** @type {Fields[]} */
    let listed = [];
    await list((results) => {
      listed = results.filter((each) => ids.includes(each.id));
      return results.filter((each) => !ids.includes(each.id));
    });
    return async () => {
      await this.trashAll(ids);
      const deleted_at = new Date(this.#parts.now()).toISOString();
      await list((results) => [...listed.map((each) => ({ ...each, deleted_at })), ...results.filter((each) => !ids.includes(each.id))]);
    };
  }

  /** Return why an item is not there any more, as far as it is known. @param {string} id @returns {"deleted" | "revoked" | "unknown"} */
  whyGone(id) {
    if (this.#rows.get("deletions")?.has(id)) return "deleted";
    return this.#gone.has(id) ? "revoked" : "unknown";
  }

  /** Whether the task of an issue is in the trash, from which the user can restore it. @param {Issue} issue */
  isRestorable({ type, target }) {
    if (type !== "task" || this.tasks.peek().has(target)) return false;
    const deleted = this.#views.task.deleted.get(target) ?? this.#table("deletions").get(target)?.data;
    return deleted !== undefined && canOrganise(deleted, this.#parts.owner.user, this.categories.peek());
  }

  /**
   * Send an edit again that the server did not accept. `data` are the fields to send, after the user has decided on
   * each. Without fields, the server's values stay. A task that was deleted meanwhile is restored first.
   * @param {Issue} issue @param {Fields} data @param {Issue[]} earlier others of the item that are decided with it @returns {Promise<Undo>}
   */
  async resolve(issue, data = {}, earlier = []) {
    const { type, item, problem } = issue;
    let { op, target } = issue;
    const before = this.#shown[type].peek().get(target);
    const isFields = op === "create" || op === "update";
    if (isFields && before) op = "update";
    else if (op === "update" && this.isRestorable(issue)) op = "restore";
    else if (isFields || (op === "restore" && isNotFound(problem))) {
      // The item is gone, or its id cannot be used.
      const isIdTaken = String(problem?.type).endsWith("/id-taken");
      if (op !== "create" || issue.existing || isIdTaken) target = this.#parts.uuid();
      data = this.#filed(editable(type, { ...item, ...data }));
      op = "create";
    }
    const hasFields = Object.keys(data).length > 0;
    const isSent = op === "update" ? hasFields : op !== "delete" || !!before;
    await this.write(async (tx) => {
      for (const { mutation } of [issue, ...earlier]) tx.delete("issues", mutation);
      if (before && type === "task") await this.#keepDecision(tx, [issue, ...earlier], data, before);
      if (!isSent) return;
      await queue(tx, this.context, { type, op, target, data });
      if (op === "restore" && hasFields) await queue(tx, this.context, { type, op: "update", target, data });
    });
    this.#edited();
    return async () => {
      await this.#keepIssues(issue, ...earlier);
      if (!isSent) return;
      if (op === "create" || op === "restore") await this.trash(type, target);
      else if (op === "delete") await this.restore(target);
      else await this.edit(type, target, Object.fromEntries(Object.keys(data).map((name) => [name, before?.[name]])));
    };
  }

  /** @param {Issue[]} issues */
  #keepIssues(...issues) {
    return this.write(async (tx) => {
      issues.forEach((each) => tx.put("issues", each));
      setMeta(tx, { decisions: (await meta(tx, "decisions", NONE)).filter((/** @type {Decision} */ { id }) => id !== issues[0].mutation) });
    });
  }

  /** Keep how the user decided on conflicts, for the history that this device shows. @param {import("./store.js").Transaction} tx @param {Issue[]} issues @param {Fields} data that is sent @param {Fields} before what is shown */
  async #keepDecision(tx, issues, data, before) {
    /** @type {Decision["fields"]} */
    const fields = {};
    for (const { conflicts } of issues.toReversed()) {
      for (const [name, { yours }] of Object.entries(conflicts)) fields[name] = name in data ? { before: before[name], after: data[name] } : { before: yours, after: before[name] };
    }
    const decision = { id: issues[0].mutation, task: issues[0].target, at: new Date(this.#parts.now()).toISOString(), fields };
    if (Object.keys(fields).length) setMeta(tx, { decisions: [...(await meta(tx, "decisions", NONE)), decision].slice(-50) });
  }

  /** Return fields without references to what the user does not see, or may only view. @param {Fields} data @returns {Fields} */
  #filed(data) {
    const isOpen = (/** @type {string | null | undefined} */ id) => !id || (this.categories.peek().get(id)?.role ?? "viewer") !== "viewer";
    const parent = this.tasks.peek().get(data.parent);
    return {
      ...data,
      ...(!isOpen(data.category) && { category: null }),
      ...(data.parent && !(parent && isOpen(parent.category)) && { parent: null }),
    };
  }

  /** Keep the server's values. @param {Issue[]} issues @returns {Promise<Undo>} */
  async dismiss(...issues) {
    await this.write(async (tx) => issues.forEach(({ mutation }) => tx.delete("issues", mutation)));
    return () => this.#keepIssues(...issues);
  }

  /** Store edits in one transaction. Raises NoSpace. @param {NewEdit[]} edits */
  async #edit(...edits) {
    if (!this.isRead.peek()) await this.#isBased();
    // They are shown before they are stored.
    for (const { data = {}, ...each } of edits) {
      const edit = { ...each, data: asReturned(data) };
      const number = (this.#lastNumber = Math.max(this.#lastNumber, this.#revision) + 1);
      const shown = { ...edit, number, id: this.#parts.uuid(), done_version: null };
      this.#provisional.add(shown);
      this.#unstored.push({ edit, shown });
    }
    this.#show();
    await undefined; // views are rendered first
    await this.#storeNext();
  }

  /** Store edits after the edits that are being stored, because an edit must not precede the creation of its item. */
  #storeNext() {
    this.#storing = this.#storing.catch(() => {}).then(() => this.#store());
    return this.#storing;
  }

  /** Whether edits would be lost with the page, because the device has no space left. */
  get hasUnstored() {
    return this.#unstored.length + this.#delayed > 0;
  }

  /** Store the edits that are only in memory, in their order. */
  async #store() {
    const unstored = this.#unstored.splice(0);
    if (unstored.length === 0) return;
    const shown = unstored.map((each) => each.shown);
    try {
      await this.write(async (tx) => {
        for (const { edit } of unstored) await queue(tx, this.context, edit);
      }, shown);
    } catch (error) {
      if (isNoSpace(error)) {
        // They stay visible, and are stored later: with the next edit, or when there is space.
        this.#unstored.unshift(...unstored);
        this.#report({ connection: "no-space" });
        clearTimeout(this.#retrying);
        this.#retrying = setTimeout(() => void this.#storeNext().catch(() => {}), RETRY_MS);
        throw new NoSpace("The device has no space left.", { cause: error });
      }
      for (const each of shown) this.#provisional.delete(each);
      this.#show();
      throw error;
    }
    this.#edited();
  }

  #edited() {
    this.wake();
    this.#parts.channel.post({ kind: "edited", name: this.#name });
  }

  /** Send a request that is not about the copy. Raises SignInRequired, Refused, Unavailable and Offline. @param {string} method @param {string} path @param {unknown} [body] */
  request(method, path, body) {
    return this.#call(method, path, body);
  }

  /** Fetch a file, with the same errors. @param {string} path */
  async download(path) {
    return (await this.#checked()).download(path);
  }

  /** @param {string} method @param {string} path @param {unknown} [body] */
  async #call(method, path, body) {
    return (await this.#checked()).call(method, path, body);
  }

  /** Return the session, unless it belongs to another user or server by now. */
  async #checked() {
    const { session, owner } = this.#parts;
    const { server, user, limits } = await session.root();
    if (server !== owner.server || user?.id !== owner.user) throw new SignInRequired();
    if (this.#meta("retention_days") !== limits.retention_days) {
      await this.write(async (tx) => setMeta(tx, { retention_days: limits.retention_days }));
    }
    return session;
  }

  // ------------------------------------------------------ lists of the server

  /** For how many days deleted tasks stay in the trash. */
  get retentionDays() {
    return this.#meta("retention_days") ?? RETENTION_DAYS;
  }

  /** Ask the server for a list, and keep its answer on the device. @param {string} path with a query @param {number} [pages] how many at most */
  async ask(path, pages = Infinity) {
    /** @type {any[]} */
    const results = [];
    /** The invitations, if it is a list of members. @type {any[] | undefined} */
    let pending;
    try {
      for (let cursor = ""; cursor !== null && pages > 0; pages--) {
        const page = await this.#call("GET", path + (cursor && `&cursor=${encodeURIComponent(cursor)}`));
        results.push(...page.results);
        pending = page.pending;
        cursor = page.next_cursor;
      }
    } catch (error) {
      // The user may not see it any more.
      if (error instanceof Refused && error.status === 404) await this.write(async (tx) => tx.delete("meta", path));
      throw error;
    }
    const found = results.map((each) => each.actor ?? each).filter(({ username }) => username);
    const names = Object.fromEntries(found.map(({ id, user_id = id, username }) => [user_id, username]));
    await this.write(async (tx) => {
      setMeta(tx, { [path]: { at: this.#parts.now(), results, pending }, names: { ...(await meta(tx, "names")), ...names } });
      const kept = (await tx.getAll("meta")).filter(({ name }) => isPath(name)).sort((a, b) => b.value.at - a.value.at);
      for (const { name } of kept.slice(MAX_ANSWERS)) tx.delete("meta", name);
    });
  }

  /** Delete a task in the trash permanently, with its subtasks: now, and on the server. @param {string} id */
  async purge(id) {
    await this.#call("DELETE", `/trash/${id}/`);
  }

  // ---------------------------------------------------------------- verifying

  /** Whether this browser can compare the copy with the server. */
  get canCheck() {
    return this.#parts.sha256 !== null;
  }

  /** Compare the copy with the server. */
  check() {
    return this.#compared(this.#syncer.verify());
  }

  /** Fetch what differs from the server. */
  repair() {
    return this.#compared(this.#syncer.repair());
  }

  /** @param {Promise<import("./syncer.js").Comparison>} comparing */
  async #compared(comparing) {
    const { count, buckets } = await comparing;
    const checked = { at: this.#parts.now(), count, differs: buckets.length > 0 };
    await this.write(async (tx) => setMeta(tx, { checked }));
  }

  async #checkIfDue() {
    const last = this.checked.value;
    const age = this.#wasLost ? RECHECK_MS : CHECK_MS;
    if (!this.canCheck || (last && !last.differs && this.#parts.now() - last.at <= age)) return;
    await this.check();
    this.#wasLost = false;
  }
}

/** @type {any[]} */
const NONE = [];

/** Set a signal, unless it has the same items. Then no view needs to be rendered. @template {Map<string, unknown> | unknown[]} T @param {import("@preact/signals-core").Signal<T>} shown @param {T} next */
function replace(shown, next) {
  const last = shown.peek().values();
  for (const item of next.values()) if (item !== last.next().value) return void (shown.value = next);
  if (!last.next().done) shown.value = next;
}

/** @template T @param {() => T} make @returns {Record<Type, T>} */
function byType(make) {
  return /** @type {any} */ (Object.fromEntries(TYPES.map((type) => [type, make()])));
}

/** Whether a setting of the copy is an answer of the server. @param {string} name */
function isPath(name) {
  return name.startsWith("/");
}
