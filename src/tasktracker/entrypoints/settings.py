"""The settings, read from environment variables and a `.env` file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from dotenv import dotenv_values
from dotenv.parser import Original, parse_stream
from msgspec import Meta

from tasktracker.domain.accounts.registration import Registration
from tasktracker.entrypoints import setting_values
from tasktracker.entrypoints.setting_values import FOLDER, MAX_PORT, MEMORY

DOTENV = Path(".env")


class Environment(StrEnum):
    """Where the service runs. Production refuses settings that are acceptable only in development."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


Count = Annotated[int, Meta(ge=1, le=1_000_000)]
# Far more threads than are useful. A larger number would need too much memory.
Threads = Annotated[int, Meta(ge=1, le=1000)]
Bytes = Annotated[int, Meta(ge=1024, le=2**40)]
Quota = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Seconds = Annotated[int, Meta(ge=1, le=10 * 365 * 24 * 3600)]

DEVELOPMENT_ORIGINS = ("http://localhost:5173", "http://127.0.0.1:5173")

SECRETS = ("secret_keys", "database_url", "listen_database_url", "mail_url", "metrics_token")
FILE_SUFFIX = "_FILE"
"""Each of SECRETS may be in a file that a variable with this suffix names, because other processes can read
variables."""

THREADS_PER_HASH = 2
"""Threads that run use cases with password hashing, for each of HASHING_THREADS."""

STREAM_THREADS = 2
"""Threads of each worker that read the changes for event streams."""

BACKGROUND_THREADS = 4
"""Threads of each worker for jobs, reminders, deliveries and the sweep. None waits for another one or for requests."""

HEALTH_THREADS = 1
"""Threads of each worker that check the database for `/health/ready`, so that no check waits for requests."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. The environment variable of a field is its name in capitals."""

    environment: Environment = Environment.DEVELOPMENT
    """`production` requires SECRET_KEYS and logs JSON; `development` logs plain text."""
    debug: bool = False
    """Development only: also log messages of libraries, such as each database migration."""

    data_folder: Path = Path("data")
    """Folder of the SQLite database and of the development key."""
    database_url: str = ""
    """`sqlite:///path`, `postgresql://…` or `memory://`; by default an SQLite file in the data folder."""
    database_connections: Threads = 10
    """Concurrent requests per worker. Each has its own connection; other threads need further connections."""
    database_wait_seconds: Annotated[int, Meta(ge=1, le=60)] = 5
    """How long a request may wait in total for a thread and the database. After that, the response is 503."""
    database_prepared_statements: bool = True
    """Set to false behind a connection pooler in transaction mode, such as PgBouncer."""

    listen_database_url: str = ""
    """PostgreSQL URL for LISTEN/NOTIFY without a pooler. Default: DATABASE_URL; behind a pooler, polling."""

    secret_keys: tuple[str, ...] = ()
    """Comma-separated keys of at least 32 characters: the first signs and encrypts, all verify and decrypt."""

    public_url: str = ""
    """The URL under which browsers reach the server, with its path. Links in mails begin with it."""
    mail_url: str = ""
    """`smtp://user:password@host`, `smtps://…` or, in development, `folder:PATH`; by default, no mail is sent."""
    mail_from: str = ""
    """Sender of mails, as in `Task Tracker <tasks@example.org>`."""
    run_worker: bool = True
    """Run jobs, send mails and sweep in the server. Set it to false if `tasktracker worker` does this."""
    registration: Registration | None = None
    """Whether new users may register: `open`, `invite` or `closed`. If it is set, administrators cannot change it."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Meta(ge=0, le=MAX_PORT)] = 8000
    """Port to listen on; 0: a free one, which is printed."""
    unix_socket: str = ""
    """Path of a Unix socket to listen on, instead of HOST and PORT; its group may connect. Only for a proxy."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Number of server processes."""
    cors_allowed_origins: tuple[str, ...] = ()
    """Comma-separated origins of browser apps; in development, the default is a local Vite server."""
    max_body_bytes: Bytes = 262_144
    """Maximum size of a request body."""

    import_max_bytes: Bytes = 64 * 1024 * 1024
    """Maximum size of an imported file."""
    transfers: Threads = 2
    """Concurrent exports and imports per worker, one per user. The response to a further one is 503."""

    access_token_seconds: Seconds = 15 * 60
    """Lifetime of an access token."""
    session_idle_seconds: Seconds = 14 * 24 * 3600
    """A session expires when it is not refreshed for this time."""
    session_absolute_seconds: Seconds = 60 * 24 * 3600
    """A session expires this time after the login, even if it is refreshed."""
    refresh_grace_seconds: Annotated[int, Meta(ge=0, le=60)] = 10
    """How long a used refresh token returns the same successor, even if that was used. With 0, it works only once."""
    sessions_per_user: Count = 50
    """Maximum number of sessions per user. A further login ends the session with the oldest refresh."""

    api_tokens_per_user: Count = 50
    """Maximum number of API tokens per user."""
    streams_per_user: Count = 20
    """Maximum number of open event streams per user and worker."""
    tasks_per_user: Quota = 0
    """Maximum number of tasks per user, including the trash; 0: no limit. Administrators may set one for a user."""
    categories_per_user: Quota = 0
    """Maximum number of categories per user; 0: no limit."""
    bytes_per_user: Quota = 0
    """Maximum number of bytes in the titles and descriptions of a user's tasks; 0: no limit."""
    members_per_task: Count = 100
    """Maximum number of users that a task is shared with."""
    window_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    """Retention of the trash, histories, authentication events and responses to idempotency keys, in days."""
    throttle: bool = True
    """Rate limits on logins, registrations, refreshes and password checks; `off` only in development."""
    trusted_proxies: tuple[str, ...] = ()
    """Comma-separated addresses or networks of trusted reverse proxies, which send `X-Forwarded-For`."""
    request_log: bool = True
    """Log one line for each request."""
    metrics_token: str = ""
    """Token of at least 16 characters for `GET /metrics`. Without this setting, the path does not exist."""
    metrics_port: Annotated[int, Meta(ge=0, le=MAX_PORT)] = 0
    """Port of HOST on which metrics are served without a token. It must not be public. 0: no such port."""
    one_processor: bool = True
    """Linux: each worker serves its requests on one processor, which no other worker on the host has claimed."""

    password_min_length: Annotated[int, Meta(ge=8, le=64)] = 8
    """Minimum length of a new password."""
    argon2_memory_kib: Annotated[int, Meta(ge=8, le=4 * 1024 * 1024)] = 19 * 1024
    """argon2id memory of one password hash; 8 is for tests."""
    argon2_passes: Annotated[int, Meta(ge=1, le=100)] = 2
    """argon2id passes over that memory."""
    argon2_lanes: Annotated[int, Meta(ge=1, le=16)] = 1
    """argon2id lanes."""
    hashing_threads: Threads = 1
    """Concurrent password hashes per worker. One hash per core would slow down all other requests."""
    hashing_queue: Annotated[int, Meta(ge=0, le=1_000_000)] = 64
    """Requests per worker that may wait for a hashing thread. The response to a further one is 503."""

    @property
    def is_production(self) -> bool:
        """Whether the service runs in production."""
        return self.environment is Environment.PRODUCTION

    @property
    def secret_file(self) -> Path:
        """The file of the key that development creates."""
        return self.data_folder / "secret.key"

    @property
    def backup_folder(self) -> Path:
        """The folder of backups for which no other place is given."""
        return self.data_folder / "backups"


class SettingsError(Exception):
    """The configuration is not valid. The message has a line for each invalid variable."""


def load(environ: Mapping[str, str] | None = None, dotenv: Path | None = DOTENV, *, serving: bool = True) -> Settings:
    """Read the settings. A variable overrides the same one in the file; a blank variable counts as unset.

    Settings that only a server needs are required only if `serving`. Raises SettingsError for all invalid variables.
    """
    values = _file(dotenv)
    variables = os.environ if environ is None else environ
    values.update({name: text for name, text in variables.items() if text.strip()})
    known: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in msgspec.structs.fields(Settings):
        name = field.name.upper()
        try:
            text = _text(field.name, values)
            if text:
                known[field.name] = setting_values.read(field, text)
        except ValueError as error:
            problems[name] = str(error)
    settings = _completed(Settings(**known))
    for names, problem in _conflicts(settings, serving):
        if not problems.keys() & names:  # a setting that could not be read has its default value here
            problems[names[0]] = problem
    if problems:
        raise SettingsError("\n".join(f"{name}: {problem}" for name, problem in problems.items()))
    return settings


def _text(field: str, values: Mapping[str, str | None]) -> str:
    """Return the text of a setting. For a secret, this may be the content of a file. Raises ValueError."""
    name = field.upper()
    text = (values.get(name) or "").strip()
    path = (values.get(f"{name}{FILE_SUFFIX}") or "").strip() if field in SECRETS else ""
    if not path:
        return text
    if text:
        raise ValueError(f"must not be set together with {name}{FILE_SUFFIX}")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError(f"the file of {name}{FILE_SUFFIX} must be UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{name}{FILE_SUFFIX}: {error.strerror}") from None


def misspelled(environ: Mapping[str, str] | None = None, dotenv: Path | None = DOTENV) -> list[str]:
    """Return a warning for each name in the file that is no setting, and for each variable with a similar name."""
    names = [name.upper() for name in Settings.__struct_fields__]
    names += [f"{name.upper()}{FILE_SUFFIX}" for name in SECRETS]
    in_file = [name for name, text in _file(dotenv).items() if name not in names and text]
    warnings = [f"{dotenv}: {name} is not a setting{_suggestion(name, names, 0.6)}" for name in in_file]
    variables = os.environ if environ is None else environ
    unset = [name for name in names if not variables.get(name, "").strip()]
    # Most variables belong to other programs.
    close = {name: _suggestion(name, unset, 0.9) for name in sorted(variables.keys() - names)}
    return warnings + [f"the variable {name} is not a setting{text}" for name, text in close.items() if text]


def _file(dotenv: Path | None) -> dict[str, str | None]:
    """Return the names and values in the file. Raises SettingsError with the numbers of wrong lines, not their text."""
    if dotenv is None or not dotenv.exists() or dotenv.is_dir():
        return {}
    try:
        text = dotenv.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{dotenv}: must be UTF-8 text") from None
    except OSError as error:
        raise SettingsError(f"{dotenv}: {error.strerror}") from None
    # dotenv_values only logs a warning for a line that it cannot read.
    wrong = [_line(each.original) for each in parse_stream(StringIO(text)) if each.error]
    if wrong:
        raise SettingsError("\n".join(f"{dotenv}: line {line} must be like NAME=value" for line in wrong))
    return dict(dotenv_values(stream=StringIO(text)))


def _line(original: Original) -> int:
    """Return the number of a line. The parser's text of the line includes the blank lines before it."""
    blank = original.string[: -len(original.string.lstrip())]
    return original.line + blank.count("\n")


def _suggestion(name: str, names: list[str], similarity: float) -> str:
    close = get_close_matches(name.upper(), names, 1, similarity)
    return f"; did you mean {close[0]}?" if close else ""


def _completed(settings: Settings) -> Settings:
    """Replace the settings whose default depends on other settings."""
    if not settings.database_url:
        path = quote(str(settings.data_folder / "tasktracker.db"))
        settings = msgspec.structs.replace(settings, database_url=f"sqlite:///{path}")
    if not settings.cors_allowed_origins and not settings.is_production:
        settings = msgspec.structs.replace(settings, cors_allowed_origins=DEVELOPMENT_ORIGINS)
    return settings


def _conflicts(settings: Settings, serving: bool) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the conflicts between settings: the name to report, the other names, and the problem."""
    if serving and settings.is_production:
        if not settings.secret_keys:
            yield ("SECRET_KEYS",), "is required in production; `tasktracker keys new` prints a new key"
        if settings.debug:
            yield ("DEBUG",), "must be off in production"
        if not settings.throttle:
            yield ("THROTTLE",), "must be on in production"
        if settings.mail_url.startswith(FOLDER):
            yield ("MAIL_URL",), "must be a relay in production, as in smtp://mail.example.org"
    for name, example in (("MAIL_FROM", "tasks@example.org"), ("PUBLIC_URL", "https://tasks.example.org")):
        if settings.mail_url and not getattr(settings, name.lower()):
            yield (name, "MAIL_URL"), f"is required with MAIL_URL, as in {example}"
    if settings.workers > 1 and settings.database_url.startswith(MEMORY):
        yield (
            ("WORKERS", "DATABASE_URL"),
            "must be 1 with DATABASE_URL=memory://, because processes cannot share it",
        )
    if settings.listen_database_url and not settings.database_url.startswith("postgres"):
        yield ("LISTEN_DATABASE_URL", "DATABASE_URL"), "is of use only if DATABASE_URL is a PostgreSQL database"
    if settings.argon2_memory_kib < 8 * settings.argon2_lanes:  # RFC 9106 §3.1
        yield ("ARGON2_MEMORY_KIB", "ARGON2_LANES"), "must be at least 8 for each of ARGON2_LANES"
    if settings.session_idle_seconds < settings.access_token_seconds:
        yield ("SESSION_IDLE_SECONDS", "ACCESS_TOKEN_SECONDS"), "must not be shorter than ACCESS_TOKEN_SECONDS"
