// The box in which tasks are written, with what was understood of the text.

import { useCopy } from "../account.js";
import { now } from "../clock.js";
import { useDraft } from "../drafts.js";
import { html } from "../html.js";
import { fitting, linesOf, tidy } from "../lines.js";
import { uuid } from "../sync/platform.js";
import { canFileIn, onDay, isDue } from "../tasks.js";
import { dayAndTime, dayFrom, dueText, dueWithin, startOfDay, t } from "../texts/texts.js";
import { together, undoable } from "../toasts.js";
import { useId, useLayoutEffect, useRef, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";
import { capturing, loadCapturing } from "./later.js";
import { byName } from "./sidebar.js";

/** @typedef {import("../sync/items.js").Task} Task */

const PRIORITIES = [4, 3, 2, 1].map((each) => ({ id: String(each), name: t(`priority.${each}`) }));
/** In how many days a task is due that is added to a list of days, and says no other day. @type {Record<string, number>} */
const DAYS = { today: 0, upcoming: 1 };

/**
 * `name` is the list that the task is added to, `category` its category, if the list is one; `draft` the name of the text.
 * @param {{ name: string, category: string, draft: string, autofocus?: boolean, initial?: string, onAdded?: () => void }} props
 */
export function AddBox({ name, category, draft, autofocus = false, initial = "", onAdded = () => {} }) {
  const copy = useCopy();
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const written = useRef("");
  const kept = useDraft(draft, () => written.current || null, true);
  const [text, setText] = useState([kept, initial].filter(Boolean).join(" "));
  const [caret, setCaret] = useState(0);
  const [chosen, choose] = useState(0);
  /** The parts of the text that the user does not want to be understood. */
  const [literal, setLiteral] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const id = useId();
  useLayoutEffect(() => void (written.current = text), []);
  useLayoutEffect(() => void (autofocus && field.current?.focus()), []); // before the next key
  const categories = new Map([...copy.categories.value].filter(([, each]) => canFileIn(each)));
  /** Pasted lines create no categories: nothing has shown before what would be created. */
  const understand = (/** @type {string} */ line, creates = true) =>
    capturing.peek()?.captured(line, { now: new Date(), categories: categories.values(), priorities: PRIORITIES, creates, literal }) ??
    { ...fitting(tidy(line)), tokens: [], repeats: false, remind: undefined };
  const { start = 0, sign = "", matches = [] } = capturing.value?.completions(text, caret, { "#": byName(categories), "!": PRIORITIES }) ?? {};
  const { tokens: understood, repeats, fields } = text ? understand(text) : { tokens: [], repeats: false, fields: {} };
  const isUnknown = repeats && literal.size === 0;
  const tokens = understood.filter(({ created }) => !created || matches.length === 0);

  const write = (/** @type {string} */ text) => setText((written.current = text));
  const reset = (text = "") => {
    write(text);
    setCaret(text.length);
    setLiteral(new Set());
    choose(0);
  };
  const add = (/** @type {string[]} */ lines) => {
    const days = DAYS[name];
    const common = name === "list" && categories.has(category) ? { category } : {};
    const day = days === undefined ? {} : onDay(dayFrom(startOfDay(new Date(), days)));
    const tasks = lines.map((line) => {
      const { title, fields, tokens, repeats, remind } = understand(line, lines.length === 1);
      const created = tokens.find(({ created }) => created)?.created;
      const list = repeats ? {} : day; // the day of the list would look like the day that was meant
      return { task: { ...list, ...common, ...fields, ...(created && { category: uuid() }), title }, created, repeats, id: uuid(), remind };
    });
    const creating = tasks.flatMap(({ task, created }) => (created ? [copy.create("category", { name: created }, task.category ?? undefined)] : []));
    const creatingAll = copy.createAll(tasks.map(({ task }) => task), tasks.map(({ id }) => id));
    const reminding = tasks.flatMap(({ id, remind }) => (remind ? [copy.create("reminder", { task: id, ...remind })] : []));
    const adding = together(...creating, creatingAll, ...reminding);
    const [{ task, created, repeats }] = tasks;
    const isUndated = repeats && days !== undefined && !isDue({ due_on: null, due_date: null, ...task });
    const text = isUndated ? t("did.create.repeats", { title: task.title }) : added(task, created);
    void undoable(adding, tasks.length > 1 ? t("did.create.all", { count: tasks.length }) : text);
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const { value } = /** @type {HTMLInputElement} */ (field.current);
    if (value.trim()) addWhenLoaded([value]);
  };
  /** Without a connection, they may be added as they are. @param {string[]} lines */
  const addWhenLoaded = (lines) => {
    reset();
    onAdded();
    if (capturing.peek()) add(lines);
    else void loadCapturing().catch(() => {}).then(() => add(lines));
  };
  const paste = (/** @type {ClipboardEvent} */ event) => {
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    const { selectionStart, selectionEnd } = /** @type {HTMLInputElement} */ (field.current);
    if (linesOf(pasted).length < 2) return;
    event.preventDefault();
    addWhenLoaded(linesOf(text.slice(0, selectionStart ?? 0) + pasted + text.slice(selectionEnd ?? 0)));
  };
  const complete = (/** @type {{ name: string }} */ category) => {
    const before = `${text.slice(0, start)}${sign}${category.name} `;
    write(before + text.slice(caret).trimStart());
    setCaret(before.length);
    field.current?.focus();
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (matches.length === 0 || event.isComposing || !(step || ["Enter", "Tab", "Escape"].includes(event.key))) return;
    event.preventDefault();
    event.stopPropagation();
    if (step) choose((chosen + step + matches.length) % matches.length);
    else if (event.key === "Escape") setCaret(0);
    else complete(matches[chosen] ?? matches[0]);
  };
  const input = (/** @type {any} */ { target }) => {
    write(target.value);
    setCaret(target.selectionStart);
    choose(0);
  };
  return html`<form class="add-box" onSubmit=${submit}>
    <div class="line">
      <input
        ref=${field}
        dir="auto"
        value=${text}
        autocomplete="off"
        enterkeyhint="done"
        placeholder=${t("add.example")}
        aria-label=${t("add.label")}
        aria-describedby=${`${id}-hint`}
        role="combobox"
        aria-expanded=${matches.length > 0}
        aria-controls=${`${id}-categories`}
        aria-activedescendant=${matches.length ? `${id}-${chosen}` : undefined}
        onFocus=${() => void loadCapturing().catch(() => {})}
        onInput=${input}
        onPaste=${paste}
        onKeyDown=${keys}
      />
      <button>${t("add.button")}</button>
    </div>
    <ul class="completions" id=${`${id}-categories`} role="listbox" aria-label=${t(sign === "!" ? "task.priority" : "lists")} hidden=${matches.length === 0}>
      ${matches.map((each, index) => html`<li key=${each.id} id=${`${id}-${index}`} role="option" aria-selected=${index === chosen} onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()} onClick=${() => complete(each)}>${each.name}</li>`)}
    </ul>
    <div class="chips" role="status" onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()}>
      ${tokens.map((token) => {
        const label = token.created ? t("list.create", { name: token.created }) : token.remind ? `${t("add.remind")}: ${token.at ? dayAndTime(token.at, now.value) : capturing.peek()?.reminderText({ at: null, before: null, ...token.remind }, { due_on: fields.due_on ?? null }, now.value)}` : labelOf(token.fields, categories);
        return html`<button type="button" class="chip" key=${token.text} title=${t("add.keep")} aria-label=${t("add.keep.label", { label, text: token.text })} onClick=${() => setLiteral(new Set([...literal, token.text]))}>${label} <span aria-hidden="true">✕</span></button>`;
      })}
    </div>
    <p class="hint" id=${`${id}-hint`} hidden=${!isUnknown && (tokens.length > 0 || !autofocus)}>${t(isUnknown ? "add.repeats" : "add.hint")}</p>
  </form>`;
}

/** A message that a task was added, and when it is due, which the list may have decided. @param {Partial<Task>} task @param {string} [list] the category that was created for it */
function added({ title = "", due_on = null, due_date = null }, list) {
  if (list) return t("did.create.list", { title, list });
  const due = { due_on, due_date };
  return isDue(due) ? t("did.create.due", { title, due: dueWithin(due, now.value) }) : t("did.create", { title });
}

/** The understood parts, in everyday words. @param {Partial<Task>} fields @param {ReadonlyMap<string, { name: string }>} categories */
function labelOf({ recurrence, due_on = null, due_date = null, priority, category }, categories) {
  if (recurrence) return t("repeat.first", { rule: capturing.peek()?.inWords(recurrence) ?? "", due: dueWithin({ due_on, due_date }, now.value) });
  if (due_on || due_date) return dueText({ due_on, due_date }, now.value);
  return priority ? t(`priority.${priority}`) : (categories.get(String(category))?.name ?? "");
}
