// The types that are kept in sync, as the server describes them, and what a device knows about their fields.

/** @typedef {import("protocol").components["schemas"]} Schemas */
/** @typedef {"task" | "category" | "reminder" | "notification"} Type */
/** @typedef {"create" | "update" | "delete" | "restore"} Op */
/** @typedef {Record<string, any>} Fields */
/**
 * An item as the user sees it. `pending` is true while the item has edits that the server has not confirmed, or that
 * were not received again yet. Then `version` is the version in the copy, or null. `made` orders the items that were
 * created here and that the server does not have yet.
 * @typedef {{ pending?: boolean, made?: number, version: number | null }} Shown
 */
/** @typedef {Omit<Schemas["TaskView"], "is_overdue" | "version"> & Shown} Task */
/** @typedef {Omit<Schemas["CategoryView"], "version"> & Shown} Category */
/** @typedef {Omit<Schemas["ReminderView"], "version"> & Shown} Reminder */
/** @typedef {Omit<Schemas["NotificationView"], "version"> & Shown} Notification */

/** A task in the trash. @typedef {Schemas["DeletedTaskView"]} Deleted */

/** @type {Type[]} */
export const TYPES = ["task", "category", "reminder", "notification"];

/** The types of items that can be shared, and read one by one. @typedef {"task" | "category"} Shareable */

/** Their paths. @type {Record<Shareable, string>} */
export const PATHS = { task: "/tasks", category: "/categories" };

/** The types that are compared with the server. @type {Shareable[]} */
export const COMPARED = ["task", "category"];

/** Whether items of a type are seen by their user only. They are not merged, and cannot be restored. @param {Type} type */
export function isPersonal(type) {
  return type === "reminder" || type === "notification";
}

/** The path of the list of deleted tasks, which a copy does not keep in sync. */
export const TRASH = "/trash/?limit=100";

/** Return the path of the list of changes of a task. @param {string} id */
export function historyOf(id) {
  return `${PATHS.task}/${id}/history?limit=100`;
}

/** Return the path of the list of users who can see an item. @param {Shareable} type @param {string} id */
export function sharesOf(type, id) {
  return `${PATHS[type]}/${id}/shares`;
}

/** The fields that contain the id of another item, and its type. @type {Record<string, Type>} */
export const REFERENCES = { category: "category", parent: "task" };

/** The fields that a user can set. @type {Record<Type, string[]>} */
export const EDITABLE = {
  task: ["title", "description", "priority", "state", "start_on", "due_on", "due_date", "recurrence", "category", "parent"],
  category: ["name", "description", "color"],
  reminder: ["task", "at", "before"],
  notification: ["read"],
};

/** The fields of a new item until it is received from the server. @type {Record<Type, Fields>} */
export const DEFAULTS = {
  task: {
    title: "",
    description: "",
    priority: 2,
    state: "open",
    start_on: null,
    due_on: null,
    due_date: null,
    recurrence: null,
    category: null,
    parent: null,
    owner: null,
    owners: [],
    created_by: null,
    created_at: null,
    updated_at: null,
    completed_at: null,
    series: null,
    slot: null,
    next: null,
  },
  category: {
    name: "",
    description: "",
    color: null,
    owner: null,
    role: "owner",
    members: [],
    ready: true,
    created_at: null,
    updated_at: null,
  },
  reminder: { task: null, at: null, before: null, fires_at: null, created_at: null },
  notification: {},
};

/** Return the fields of an item that a user can set. @param {Type} type @param {Fields} data @returns {Fields} */
export function editable(type, data) {
  return Object.fromEntries(EDITABLE[type].filter((name) => name in data).map((name) => [name, data[name]]));
}

/** Whether a user may file a task, delete it and add subtasks. @param {Pick<Task, "owner" | "category">} task @param {string} user @param {ReadonlyMap<string, Category>} categories */
export function canOrganise({ owner, category }, user, categories) {
  const role = category && categories.get(category)?.role;
  return owner === null || owner === user || role === "owner" || role === "editor";
}

/** Return fields in the form in which the server returns them, so that they stay the same when they are received: times have no fraction of zeros. @param {Fields} data @returns {Fields} */
export function asReturned(data) {
  const times = ["due_date", "at"].filter((name) => data[name]);
  return times.length ? { ...data, ...Object.fromEntries(times.map((name) => [name, data[name].replace(/\.\d{3}Z$/, "Z")])) } : data;
}

/** Whether two values of a field are equal. A row of an earlier version has no value for a field that is empty. @param {unknown} a @param {unknown} b */
export function isSame(a, b) {
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}

/** The fields of which setting one clears the other. They conflict as one, and are one to people. */
export const DUE = ["due_on", "due_date"];
/** The rule by which a task is due again conflicts with them, as one. */
export const JOINED = [...DUE, "recurrence"];

/** Return fields with the due day or due date that they clear. @param {Fields} data @returns {Fields} */
export function withCleared(data) {
  return DUE.some((name) => data[name]) ? { due_on: null, due_date: null, ...data } : data;
}

/** Return an edit of an item, which also ends the recurrence of a task that is not due any more: the server does so. @param {Fields} data @param {Fields} before the item */
export function withEnd(data, before) {
  const isCleared = DUE.every((name) => name in data && !data[name]);
  return isCleared && before.recurrence && !("recurrence" in data) ? { ...data, recurrence: null } : data;
}

/** Return what is known of fields, with the due day, the due date and the rule as one field `due`; a rule alone stays one. @param {Record<string, Record<string, any>>} fields @returns {Record<string, Record<string, any>>} */
export function dueAsOne({ due_on, due_date, recurrence, ...others }) {
  const parts = Object.keys(due_on ?? due_date ?? {});
  if (parts.length === 0) return { ...others, ...(recurrence && { recurrence }) };
  const due = parts.map((part) => [part, { due_on: due_on?.[part] ?? null, due_date: due_date?.[part] ?? null, ...(recurrence && { recurrence: recurrence[part] ?? null }) }]);
  return { ...others, due: Object.fromEntries(due) };
}
