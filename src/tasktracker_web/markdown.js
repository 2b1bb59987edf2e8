// Notes in Markdown, as HTML without scripts and without content of other servers.

import DOMPurify from "./vendor/dompurify.js";
import { marked } from "./vendor/marked.js";

const OPTIONS = {
  ALLOWED_TAGS: [..."abpsi", "br", "blockquote", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"],
  ALLOWED_ATTR: ["href", "start"],
  ALLOW_DATA_ATTR: false,
  RETURN_TRUSTED_TYPE: true,
};

// HTML in a note is shown as text, and an image of another server as its description.
marked.use({ renderer: { html: ({ text }) => escaped(text), image: ({ text }) => escaped(text) } });

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer");
});

/** Return a text in Markdown as HTML. @param {string} text @returns {any} of the type TrustedHTML where there is one */
export function rendered(text) {
  return DOMPurify.sanitize(marked.parse(text, { async: false, breaks: true }), OPTIONS);
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
}
