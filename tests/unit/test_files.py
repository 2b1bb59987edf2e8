"""Files with personal data that the program writes."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tasktracker.adapters.security import secret_file
from tasktracker.entrypoints import files


def write(path: Path, content: bytes = b"new") -> None:
    with files.writing(path) as file:
        file.write(content)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "export.ndjson"
    write(path)
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    path.write_bytes(b"old")
    path.chmod(0o644)
    write(path)
    assert (path.read_bytes(), mode(path), list(tmp_path.iterdir())) == (b"new", 0o600, [path])


@pytest.mark.parametrize("create", [write, secret_file.read_or_create])
def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, create: Callable[[Path], object]
) -> None:
    synced: list[tuple[bool, int]] = []
    path = tmp_path / "file"
    monkeypatch.setattr(os, "fsync", lambda number: synced.append((path.exists(), os.fstat(number).st_size)))
    create(path)
    assert synced == [(False, path.stat().st_size)]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    link.symlink_to(target)
    for _ in ("missing", "existing"):
        write(link)
        assert link.is_symlink()
        assert (target.read_bytes(), mode(target)) == (b"new", 0o600)


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    write(path)
    reader.join(timeout=10)
    assert (read, stat.S_ISFIFO(path.stat().st_mode)) == ([b"new"], True)


def test_a_device_is_written_into() -> None:
    """Of a terminal of its own: a mistake would replace the device of the system."""
    terminal, device = os.openpty()
    try:
        write(Path(os.ttyname(device)))
        assert os.read(terminal, 10) == b"new"
    finally:
        os.close(terminal)
        os.close(device)


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "export.ndjson"
    path.write_bytes(b"old")

    def fail() -> None:
        with files.writing(path) as file:
            file.write(b"partial")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])


def test_an_error_names_the_given_path(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    (tmp_path / "file").touch()
    for path in (loop, tmp_path / "none" / "x", tmp_path / "file" / "x", tmp_path / ("x" * 300)):
        with pytest.raises(OSError, match=r"\S") as caught:
            write(path)
        assert str(caught.value.filename) == str(path)


def test_the_file_of_a_secret_may_be_a_link_to_a_file_that_does_not_exist_yet(tmp_path: Path) -> None:
    link, target = tmp_path / "secret", tmp_path / "there" / "secret"
    link.symlink_to(target)
    secret = secret_file.read_or_create(link)
    assert secret_file.read_or_create(link) == secret == target.read_text()
    assert mode(target) == 0o600
    assert link.is_symlink()


def test_of_two_processes_that_create_a_secret_the_first_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "folder" / "secret"

    def be_late(_: str, target: Path) -> None:
        target.write_text("of the first process\n")
        raise FileExistsError

    monkeypatch.setattr(os, "link", be_late)
    assert secret_file.read_or_create(path) == "of the first process"
    assert (list(path.parent.iterdir()), mode(path.parent)) == ([path], 0o700)
    monkeypatch.undo()
    path.unlink()
    assert len(secret_file.read_or_create(path)) == 64
    assert list(path.parent.iterdir()) == [path]
