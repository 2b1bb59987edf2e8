// A list of the server, as it has answered last.

import { useCopy } from "../account.js";
import { useEffect, useState } from "../vendor/preact-hooks.js";
import "../vendor/preact-signals.js";

/** Ask the server for a list, again when something changes, and after edits were sent. @param {string} path empty to ask nothing @param {unknown} changing @param {number} [pages] how many at most */
export function useAnswer(path, changing, pages) {
  const copy = useCopy();
  const waiting = copy.waiting.value;
  const { connection } = copy.status.value;
  const [isOffline, setOffline] = useState(false);
  useEffect(() => {
    if (path && waiting === 0) void copy.ask(path, pages).then(() => setOffline(false), () => setOffline(true));
  }, [path, changing, connection, waiting === 0]);
  // While edits wait, the server is not asked.
  const isCut = connection === "offline" || (waiting > 0 && !["starting", "live"].includes(connection));
  return { answer: copy.answers.value.get(path), isOffline: isOffline || isCut };
}
