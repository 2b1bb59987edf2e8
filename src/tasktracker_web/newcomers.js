// What others have just shared with the user, which a message says.

import { go } from "./router.js";
import { sharesOf } from "./sync/items.js";
import { t } from "./texts/texts.js";
import { toast } from "./toasts.js";

/** @typedef {import("./sync/items.js").Shareable} Shareable */

/** Say from now on which categories, and which single tasks, arrive by sync from others. @param {import("./sync/copy.js").Copy} copy @param {string} me */
export function announceShared(copy, me) {
  const isNews = (/** @type {{ owner: string | null } | undefined} */ before, /** @type {{ owner: string | null } | undefined} */ after) =>
    copy.isComplete.peek() && !before && after?.owner && after.owner !== me;
  copy.categories.listen((changes) => {
    for (const [before, after] of changes) if (after && isNews(before, after)) void announce(copy, "category", after, after.name);
  });
  copy.tasks.listen((changes) => {
    // The tasks of a shared category arrive with it, and subtasks with the topmost task.
    for (const [before, after] of changes) if (after && isNews(before, after) && !after.category && !copy.tasks.peek().has(String(after.parent))) void announce(copy, "task", after, after.title);
  });
}

/** @param {import("./sync/copy.js").Copy} copy @param {Shareable} type @param {{ id: string, owner: string | null }} item @param {string} title */
async function announce(copy, type, { id, owner }, title) {
  if (!copy.names.peek()[String(owner)]) await copy.ask(sharesOf(type, id)).catch(() => {}); // it has the name
  const name = copy.names.peek()[String(owner)];
  if (name) toast(t("shared.new", { name, title }), { label: t("open"), act: async () => go(type === "task" ? `/task/${id}` : `/list/${id}`) });
}
