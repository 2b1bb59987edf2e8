"""Configuration: one list of settings, read from the environment and a `.env` file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

import msgspec
from dotenv import dotenv_values
from msgspec import Meta

MIN_KEY_LENGTH = 32


class Environment(StrEnum):
    """Where the service runs. Production refuses what only development may do without."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=1, le=10 * 365 * 24 * 3600)]

DEVELOPMENT_ORIGINS = ("http://localhost:5173", "http://127.0.0.1:5173")
LISTS = {"secret_keys", "cors_allowed_origins", "trusted_proxies"}
SWITCHES = {"on": "true", "off": "false"}


THREADS_A_HASH = 2
"""Threads of each worker for use cases that hash, for each password that is hashed at a time."""

STREAM_THREADS = 2
"""Threads of each worker that read for event streams, beside those that serve requests."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting. The variable is the field's name in capitals; the text under it says what it does."""

    environment: Environment = Environment.DEVELOPMENT
    """`production` refuses to start without SECRET_KEYS."""
    debug: bool = False
    """Development only: write the log as plain text for people, with tracebacks."""

    data_folder: Path = Path("data")
    """Where the embedded database and the development key live."""
    database_url: str = ""
    """`sqlite:///path`, `postgresql://…` or `memory://`; by default an SQLite file in the data folder."""
    database_connections: Count = 10
    """Requests that each worker works on at a time, each with a connection of its own; other threads' come on top."""
    database_wait_seconds: Annotated[int, Meta(ge=1, le=60)] = 5
    """How long a request waits for a connection, or SQLite's write lock, before it is answered with 503."""
    database_prepared_statements: bool = True
    """Off where a pooler such as PgBouncer in transaction mode stands before PostgreSQL."""

    listen_database_url: str = ""
    """PostgreSQL with no pooler in between, to tell and hear of changes; by default DATABASE_URL, where it has none."""

    secret_keys: tuple[Annotated[str, Meta(min_length=MIN_KEY_LENGTH)], ...] = ()
    """Comma-separated, each of at least 32 characters: the first signs, all verify. See `tasktracker keys new`."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    """Port to listen on."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Server processes."""
    cors_allowed_origins: tuple[str, ...] = ()
    """Comma-separated origins of browser apps; in development by default those of a local Vite server."""
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 262_144
    """The largest request body accepted."""

    import_max_bytes: Annotated[int, Meta(ge=1024)] = 64 * 1024 * 1024
    """The largest file that may be imported."""
    transfers: Count = 2
    """Exports and imports that each worker has under way at a time, one a user; one more is answered with 503."""

    access_token_seconds: Seconds = 15 * 60
    """Life of an access token."""
    session_idle_seconds: Seconds = 14 * 24 * 3600
    """A session ends when it was not refreshed for so long."""
    session_absolute_seconds: Seconds = 60 * 24 * 3600
    """A session ends so long after its login, whatever happens."""
    refresh_grace_seconds: Annotated[int, Meta(ge=0, le=60)] = 10
    """How long a used refresh token may be presented again for the same successor; 0 makes it strictly single use."""
    sessions_per_user: Count = 50
    """Live sessions a user may have; at one more, the one idle longest ends."""

    api_tokens_per_user: Count = 50
    """API tokens a user may have."""
    streams_per_user: Count = 20
    """Event streams that a user may have open in each worker."""
    members_per_task: Count = 100
    """People a task may be shared with."""
    window_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    """Days for which the trash, histories and the answers to idempotency keys are kept."""
    throttle: bool = True
    """Limits on logins, registrations, refreshes and password checks; `off` for load tests in development only."""
    trusted_proxies: tuple[str, ...] = ()
    """Comma-separated addresses or networks of reverse proxies, whose `X-Forwarded-For` is believed."""
    request_log: bool = True
    """One line of log for each request."""

    password_min_length: Annotated[int, Meta(ge=8, le=64)] = 8
    """The shortest password that may be chosen."""
    argon2_memory_kib: Annotated[int, Meta(ge=8, le=4 * 1024 * 1024)] = 19 * 1024
    """Memory of one password hash; 8 is for tests."""
    argon2_passes: Annotated[int, Meta(ge=1, le=100)] = 2
    """Passes over that memory."""
    argon2_lanes: Annotated[int, Meta(ge=1, le=16)] = 1
    """Lanes of that memory."""
    hashing_threads: Count = 1
    """Passwords hashed at a time by each worker. On as many threads as there are cores, little is left for the rest."""
    hashing_queue: Annotated[int, Meta(ge=0)] = 64
    """Logins that may wait for that; one more is answered with 503."""

    @property
    def is_production(self) -> bool:
        """Whether this is the real thing."""
        return self.environment is Environment.PRODUCTION

    @property
    def secret_file(self) -> Path:
        """Where the key is kept that development makes for itself."""
        return self.data_folder / "secret.key"


class SettingsError(Exception):
    """The configuration cannot be used; the message names each variable and what is wrong with it."""


def load(
    environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env"), *, serving: bool = True
) -> Settings:
    """Read the settings; a variable that is set wins over the same one in the file, a blank one counts as unset.

    What only a server needs is not asked for unless `serving`. Raises SettingsError naming every variable at fault.
    """
    try:
        values: dict[str, str | None] = dict(dotenv_values(dotenv)) if dotenv else {}
    except UnicodeDecodeError:
        raise SettingsError(f"{dotenv}: must be UTF-8 text") from None
    variables = os.environ if environ is None else environ
    values.update({name: text for name, text in variables.items() if text.strip()})
    known: dict[str, Any] = {}
    problems: list[str] = []
    for field in msgspec.structs.fields(Settings):
        text = (values.get(field.name.upper()) or "").strip()
        if not text:
            continue
        try:
            known[field.name] = msgspec.convert(_raw(field, text), field.type, strict=False, dec_hook=_path)
        except msgspec.ValidationError as error:
            problems.append(f"{field.name.upper()}: {_explain(str(error), field.type)}")
    if problems:
        raise SettingsError("\n".join(problems))
    return _completed(Settings(**known), serving)


def _completed(settings: Settings, serving: bool) -> Settings:
    problems = []
    if serving and settings.is_production and not settings.secret_keys:
        problems.append("SECRET_KEYS: is required in production; `tasktracker keys new` prints a fresh key")
    if serving and settings.is_production and settings.debug:
        problems.append("DEBUG: must be off in production")
    if serving and settings.is_production and not settings.throttle:
        problems.append("THROTTLE: must be on in production")
    if not all(_is_network(proxy) for proxy in settings.trusted_proxies):
        problems.append("TRUSTED_PROXIES: must be addresses or networks, as in 127.0.0.1,10.0.0.0/8")
    if settings.workers > 1 and settings.database_url.startswith("memory:"):
        problems.append("WORKERS: must be 1 with DATABASE_URL=memory://, which no two processes can share")
    if settings.argon2_memory_kib < 8 * settings.argon2_lanes:  # RFC 9106 §3.1
        problems.append("ARGON2_MEMORY_KIB: must be at least 8 for each of ARGON2_LANES")
    if settings.session_idle_seconds < settings.access_token_seconds:
        problems.append("SESSION_IDLE_SECONDS: must not be shorter than ACCESS_TOKEN_SECONDS")
    if not settings.database_url:
        path = settings.data_folder / "tasktracker.db"
        settings = msgspec.structs.replace(settings, database_url=f"sqlite:///{path}")
    if not settings.database_url.startswith(("sqlite:///", "postgres://", "postgresql://", "memory://")):
        problems.append("DATABASE_URL: must start with sqlite:///, postgresql:// or memory://")
    if settings.listen_database_url and not settings.listen_database_url.startswith(("postgres://", "postgresql://")):
        problems.append("LISTEN_DATABASE_URL: must start with postgresql://")
    if problems:
        raise SettingsError("\n".join(problems))
    if not settings.cors_allowed_origins and not settings.is_production:
        settings = msgspec.structs.replace(settings, cors_allowed_origins=DEVELOPMENT_ORIGINS)
    return settings


def _raw(field: msgspec.structs.FieldInfo, text: str) -> object:
    if field.name in LISTS:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return SWITCHES.get(text.lower(), text) if field.type is bool else text


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _path(type_: type[Path], text: str) -> Path:
    return type_(text)


def _explain(message: str, type_: Any) -> str:
    """Say what msgspec says, without the path inside a value, and never quote the value, which may be secret."""
    if type_ is Environment:
        return f"must be {' or '.join(Environment)}"
    return message.split(" - at ", maxsplit=1)[0].replace("Expected", "expected", 1)
