// What a user does with one task, from a list, the board, the open task or by a key.

import { useCopy, useLists } from "../account.js";
import { isOpen } from "../tasks.js";
import { t } from "../texts/texts.js";
import { undoable } from "../toasts.js";

/** @typedef {import("../sync/items.js").Task} Task */

/** Complete a task, or open it again. Its subtasks stay as they are. @param {Task} task */
export function toggle({ id, title, state }) {
  const [copy, { below, doneBelow }] = [useCopy(), useLists()];
  if (!isOpen({ state })) return void undoable(copy.edit("task", id, { state: "open" }), t("did.reopen", { title }));
  const count = (below.peek().get(id) ?? 0) - (doneBelow.peek().get(id) ?? 0);
  void undoable(copy.complete(id), t(count > 0 ? "did.complete.open" : "did.complete", { title, count }));
}

/** Delete a task with its subtasks. @param {Task} task */
export function trash({ id, title }) {
  const [copy, children] = [useCopy(), useLists().children.peek()];
  const all = new Set([id]);
  for (const each of all) for (const child of children.get(each) ?? []) all.add(child.id); // grows meanwhile
  const count = all.size - 1;
  void undoable(copy.trash("task", id), t(count > 0 ? "did.trash.all" : "did.trash", { title, count }));
}
