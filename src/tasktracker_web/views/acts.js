// What a user does with one task, from a list, the board, the open task or by a key.

import { useCopy, useLists } from "../account.js";
import { now } from "../clock.js";
import { isDue, isOpen } from "../tasks.js";
import { dueWithin, t } from "../texts/texts.js";
import { shown, undoable } from "../toasts.js";
import { effect } from "../vendor/preact-signals-core.js";

/** @typedef {import("../sync/items.js").Task} Task */

/** Complete a task, or open it again. Its subtasks stay as they are. @param {Task} task */
export function toggle(task) {
  const { id, title } = task;
  const { below, doneBelow } = useLists();
  if (!isOpen(task)) return setState(task, "open", t("did.reopen", { title }));
  const count = (below.peek().get(id) ?? 0) - (doneBelow.peek().get(id) ?? 0);
  setState(task, "done", t(count > 0 ? "did.complete.open" : "did.complete", { title, count }));
}

/** Cancel this occurrence of a task. The server makes the next one. @param {Task} task */
export function skip(task) {
  setState(task, "cancelled", t("did.skip", { title: task.title }));
}

/** Set the state of a task. If it recurs and is closed, the message says when it is due next, or that it was the last one, as soon as the server has said so. @param {Task} task @param {Task["state"]} state @param {string} text */
export async function setState({ id, title, recurrence }, state, text) {
  const copy = useCopy();
  const isEndless = recurrence && !/COUNT|UNTIL/.test(recurrence.rule);
  const isLater = isEndless && !isOpen({ state }) && copy.status.peek().connection === "offline";
  const announced = isLater ? withNews(text, title, t("did.next.later")) : text;
  await undoable(copy.edit("task", id, { state }), announced);
  const said = shown.peek();
  if (!recurrence || isOpen({ state }) || said?.text !== announced) return;
  const stop = effect(() => {
    if (shown.value !== said) return void Promise.resolve().then(() => stop());
    const tasks = copy.tasks.value;
    const task = tasks.get(id);
    const next = tasks.get(task?.next ?? "");
    const isLast = task?.recurrence && !task.pending && !isOpen(task);
    const news = next && isDue(next) ? t("did.next", { due: dueWithin(next, now.peek()) }) : isLast ? t("did.ended") : "";
    if (news) shown.value = { ...said, text: withNews(text, title, news) };
  });
}

/** Add a sentence to a message, before the title at its end: a long title is cut off. @param {string} text @param {string} title @param {string} news */
export function withNews(text, title, news) {
  const end = `: ${t("quoted", { text: title })}`;
  return text.endsWith(end) ? `${text.slice(0, -end.length)}. ${news}${end}` : `${text}. ${news}`;
}

/** Delete a task with its subtasks. @param {Task} task */
export function trash({ id, title, recurrence }) {
  const [copy, children] = [useCopy(), useLists().children.peek()];
  const all = new Set([id]);
  for (const each of all) for (const child of children.get(each) ?? []) all.add(child.id); // grows meanwhile
  const count = all.size - 1;
  const text = t(count > 0 ? "did.trash.all" : "did.trash", { title, count });
  void undoable(copy.trash("task", id), recurrence ? withNews(text, title, t("did.ended")) : text);
}
