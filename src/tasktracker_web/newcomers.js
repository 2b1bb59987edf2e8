// Categories that others have just shared with the user, which a message says.

import { go } from "./router.js";
import { sharesOf } from "./sync/items.js";
import { t } from "./texts/texts.js";
import { toast } from "./toasts.js";

/** Say from now on which categories arrive by sync from others. @param {import("./sync/copy.js").Copy} copy @param {string} me */
export function announceShared(copy, me) {
  copy.categories.listen((changes) => {
    if (!copy.isComplete.peek()) return;
    for (const [before, after] of changes) {
      if (!before && after?.owner && after.owner !== me) void announce(copy, after);
    }
  });
}

/** @param {import("./sync/copy.js").Copy} copy @param {import("./sync/items.js").Category} category */
async function announce(copy, { id, name: title, owner }) {
  if (!copy.names.peek()[String(owner)]) await copy.ask(sharesOf("category", id)).catch(() => {}); // it has the name
  const name = copy.names.peek()[String(owner)];
  if (name) toast(t("shared.new", { name, title }), { label: t("open"), act: async () => go(`/list/${id}`) });
}
