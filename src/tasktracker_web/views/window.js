// The rows of a long list that are in view. Only these rows are elements, so that a list of any length is shown at
// once.

import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";

/** How many rows are elements above and below those in view. */
const MARGIN = 10;

/** Return the part of a list that is in view. All rows have the same height. @param {{ current: HTMLElement | null }} list @param {number} count of all rows */
export function useWindow(list, count) {
  const [part, setPart] = useState({ from: 0, to: 2 * MARGIN });
  const last = useRef(0);
  last.current = count;
  useEffect(() => {
    const look = () => {
      if (!list.current) return;
      const { top, height } = list.current.getBoundingClientRect();
      if (height === 0) return; // there are no rows yet
      const passed = (/** @type {number} */ y) => Math.floor((((y - top) / height) * last.current) / MARGIN) * MARGIN;
      const next = { from: Math.max(0, passed(0) - MARGIN), to: passed(innerHeight) + 2 * MARGIN };
      setPart((before) => (before.from === next.from && before.to === next.to ? before : next));
    };
    const observer = new ResizeObserver(look);
    observer.observe(document.body);
    addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      removeEventListener("scroll", look);
    };
  }, []);
  return part;
}
