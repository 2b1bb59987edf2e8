"""Draws the icons of the browser app from `icon.svg`: PNG files for the installed app, and the favicon."""

from __future__ import annotations

import shutil
import struct

from playwright.sync_api import sync_playwright

from tests.web.node_tools import APP

FOLDER = APP / "icons"


def main() -> None:
    """Write the icons."""
    drawing = (FOLDER / "icon.svg").read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])

        def drawn(size: int, text: str) -> bytes:
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block; width: 100vw }}</style>{text}")
            image: bytes = page.screenshot(omit_background=True)
            page.close()
            return image

        (FOLDER / "icon-192.png").write_bytes(drawn(192, drawing))
        # Systems cut this one to their own shape, so it fills the square.
        (FOLDER / "icon-512.png").write_bytes(drawn(512, drawing.replace(' rx="112"', "")))
        favicon = drawn(32, drawing)
        browser.close()
    # An icon file with one image in PNG: a directory of one entry, whose offset is 22.
    head = struct.pack("<HHHBBBBHHII", 0, 1, 1, 32, 32, 0, 0, 1, 32, len(favicon), 22)
    (FOLDER / "favicon.ico").write_bytes(head + favicon)


if __name__ == "__main__":
    main()
