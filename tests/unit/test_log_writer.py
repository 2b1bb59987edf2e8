"""The stream of the log: whatever happens at its other end, a writer does not wait."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import structlog

from tasktracker.entrypoints import log_writer as module
from tasktracker.entrypoints.log_writer import LogWriter
from tests.waiting import PATIENCE, wait_until


class Pipe:
    """A pipe whose reader is the test."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.text = b""

    def read(self) -> bytes:
        """Read what has arrived, and return everything read."""
        os.set_blocking(self.reader, False)
        try:
            while block := os.read(self.reader, 1 << 20):
                self.text += block
        except BlockingIOError:
            pass
        return self.text

    def lines(self) -> list[str]:
        return self.read().decode().splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.read()  # a blocked thread can end
    os.close(pipe.reader)


@contextmanager
def logging_to(writer: LogWriter) -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=lambda *_: structlog.PrintLogger(writer),  # type: ignore[arg-type]
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def test_text_that_cannot_be_encoded_ends_no_log(pipe: Pipe) -> None:
    writer = LogWriter(pipe.writer)
    writer.write("\udcff\n")
    writer.close()
    assert pipe.lines() == [r"\udcff"]


def test_lines_are_written_in_order(pipe: Pipe) -> None:
    writer = LogWriter(pipe.writer)
    for number in range(1000):
        writer.write(f"{number}\n")
    wait_until(lambda: len(pipe.lines()) == 1000, "not all lines were written")
    assert pipe.lines() == [f"{number}" for number in range(1000)]


def test_lines_beyond_the_limit_are_dropped_and_counted(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    line, number = "x" * 999 + "\n", 1000
    writer = LogWriter(pipe.writer, max_waiting=200_000)
    with logging_to(writer):
        for _ in range(number):
            writer.write(line)  # nothing is read: the pipe and then the buffer are full
        wait_until(lambda: "log lines dropped" in pipe.read().decode(), "the number was not logged")
    written = pipe.lines()
    (report,) = [json.loads(each) for each in written if "dropped" in each]
    assert report["lines"] == number - (len(written) - 1)
    assert 200 <= len(written) < 400
    writer.write("next\n")
    wait_until(lambda: pipe.lines()[-1] == "next", "nothing is written any more")


def test_lines_that_cannot_be_written_are_counted_once_the_disk_has_room_again(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, failed, has_room, write = threading.Event(), threading.Event(), threading.Event(), os.write

    def write_with_room(descriptor: int, text: bytes) -> int:
        if descriptor == pipe.writer and not has_room.is_set():
            failed.set()
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, text)

    monkeypatch.setattr(os, "write", write_with_room)
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=lambda _: both.wait(PATIENCE)))
    writer = LogWriter(pipe.writer)
    with logging_to(writer):
        writer.write("lost\n")
        writer.write("lost, too\n")
        both.set()
        assert failed.wait(PATIENCE)
        wait_until(lambda: not writer._waiting, "the lost line still waits")
        has_room.set()
        writer.write("next\n")
        wait_until(lambda: len(pipe.lines()) == 2, "the number was not logged")
        writer.write("more\n")
        wait_until(lambda: len(pipe.lines()) == 3, "nothing is written any more")
    following, report, more = pipe.lines()
    assert (following, json.loads(report)["lines"], more) == ("next", 2, "more")


def test_text_that_is_written_in_parts_is_complete(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda to, text: write(to, text[:3] if to == pipe.writer else text))
    writer = LogWriter(pipe.writer)
    writer.write("a long line\n")
    writer.close()
    assert pipe.lines() == ["a long line"]


def test_a_reader_that_has_ended_is_no_error(pipe: Pipe) -> None:
    writer = LogWriter(pipe.writer)
    os.close(pipe.reader)
    pipe.reader, _ = os.pipe()
    for _ in range(100):
        writer.write("x\n")
    writer.close()
    writer.write("x\n")


def test_the_rest_is_written_at_the_end(pipe: Pipe) -> None:
    writer = LogWriter(pipe.writer)
    for number in range(1000):
        writer.write(f"{number}\n")
    writer.close()
    assert len(pipe.lines()) == 1000
    writer.write("end\n")
    assert pipe.lines()[-1] == "end"


def test_the_end_does_not_wait_for_a_reader(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.05)
    writer = LogWriter(pipe.writer)
    for _ in range(1000):
        writer.write("x" * 1000)
    writer.close()
    thread = threading.Thread(target=writer.write, args=["end\n"], daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert b"end" not in pipe.read()


def test_the_end_waits_for_lines_that_are_being_written(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_write, write = threading.Event(), threading.Semaphore(0), os.write

    def slowly(descriptor: int, text: bytes) -> int:
        if descriptor == pipe.writer:
            begun.set()
            may_write.acquire(timeout=PATIENCE)
        return write(descriptor, text)

    monkeypatch.setattr(os, "write", slowly)
    monkeypatch.setattr(module, "CLOSE_SECONDS", PATIENCE)
    writer = LogWriter(pipe.writer)
    closing = threading.Thread(target=writer.close, daemon=True)
    writer.write("one\n")
    assert begun.wait(PATIENCE)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    writer.write("three\n")
    may_write.release()
    wait_until(lambda: writer._waiting != 10, "nothing is written")
    assert writer._waiting == len("three\n")
    may_write.release()
    closing.join(PATIENCE)
    assert (closing.is_alive(), pipe.lines()) == (False, ["one", "three"])


def test_a_log_is_on_a_terminal_if_its_descriptor_is(pipe: Pipe) -> None:
    terminal, other = os.openpty()
    try:
        assert LogWriter(other).isatty()
        assert not LogWriter(pipe.writer).isatty()
    finally:
        os.close(terminal)
        os.close(other)


def test_the_limit_is_one_of_characters_and_counts_those_that_are_being_written(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=lambda _: release.wait(PATIENCE)))
    writer = LogWriter(pipe.writer, max_waiting=6)
    assert [writer.write(text) for text in ("abc\n", "d\n", "e")] == [4, 2, 1]
    assert (writer._waiting, writer._dropped) == (6, 1), "the first two fill the buffer"
    release.set()
    wait_until(lambda: not writer._waiting, "nothing is written")
    writer.close()
    assert pipe.read().startswith(b"abc\nd\n")
