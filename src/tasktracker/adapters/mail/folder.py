"""Writes mails into a folder, for development."""

from __future__ import annotations

import os
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from tasktracker.adapters.mail.composer import Composer
from tasktracker.domain.deliveries.delivery import Letter
from tasktracker.domain.deliveries.ports import NotSent


class FolderMailer:
    """Implements Mailer: each letter is a file, and a duplicate replaces the first file."""

    def __init__(self, folder: Path, composer: Composer) -> None:
        self._folder = folder
        self._composer = composer

    def send(self, letter: Letter) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = letter.message_id.strip("<>").partition("@")[0]
        path = self._folder / f"{letter.created_at:%Y%m%dT%H%M%S%f}-{name}.eml"
        partial = path.with_suffix(".partial")
        partial.touch(0o600)
        partial.write_bytes(self._composer.write(letter).as_bytes())
        partial.rename(path)

    def check(self) -> str:
        folder = self._folder.absolute()
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise NotSent(f"no file can be written into {folder}", is_of_relay=True)
        return f"each one is written as a file into {folder}"

    def close(self) -> None:
        pass


class MailFolder:
    """Reads the mails in a folder, the newest first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Return the names of the files."""
        return sorted((path.stem for path in self._folder.glob("*.eml")), reverse=True)

    def find(self, name: str) -> EmailMessage | None:
        """Return a mail by the name of its file, or None."""
        if name not in self.names():
            return None
        return message_from_bytes((self._folder / f"{name}.eml").read_bytes(), policy=default)
