"""Attachments in notes of Todoist: `[[file {"file_name": …, "file_url": …}]]`."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

START = "[[file "
END = "]]"
WEB_ADDRESS = re.compile("https?://", re.IGNORECASE)


def as_links(text: str) -> str:
    """Replace each attachment by a link in Markdown. Text that only resembles an attachment is left unchanged."""
    first, *others = text.split(START)
    return first + "".join(_as_link(other) for other in others)


def _as_link(text: str) -> str:
    try:
        attachment, end = json.JSONDecoder().raw_decode(text)
        name, url = attachment["file_name"], attachment["file_url"]
        label = re.sub(r"([\\\[\]])", r"\\\1", name)
        is_link = text.startswith(END, end) and WEB_ADDRESS.match(url)
        address = re.sub(r"[\s()<>]", lambda found: quote(found[0]), url)
    except (ValueError, LookupError, TypeError, RecursionError):
        return START + text
    return f"[{label}]({address}){text[end + len(END) :]}" if is_link else START + text
