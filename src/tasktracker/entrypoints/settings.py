"""The settings, read from environment variables and a `.env` file."""

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
    """Where the service runs. Production refuses settings that are acceptable only in development."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=1, le=10 * 365 * 24 * 3600)]

DEVELOPMENT_ORIGINS = ("http://localhost:5173", "http://127.0.0.1:5173")
LISTS = {"secret_keys", "cors_allowed_origins", "trusted_proxies"}
SWITCHES = {"on": "true", "off": "false"}


THREADS_PER_HASH = 2
"""Threads that run use cases with password hashing, for each of HASHING_THREADS."""

STREAM_THREADS = 2
"""Threads of each worker that read the changes for event streams."""

HEALTH_THREADS = 1
"""Threads of each worker that check the database for `/health/ready`, so that no check waits behind requests."""


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
    database_connections: Count = 10
    """Concurrent requests per worker. Each has its own connection; other threads need further connections."""
    database_wait_seconds: Annotated[int, Meta(ge=1, le=60)] = 5
    """How long a request may wait for a thread and the database, all waits together; after it, the response is 503."""
    database_prepared_statements: bool = True
    """Set to false behind a connection pooler in transaction mode, such as PgBouncer."""

    listen_database_url: str = ""
    """PostgreSQL URL for LISTEN/NOTIFY, not through a pooler. Default: DATABASE_URL, or polling behind a pooler."""

    secret_keys: tuple[Annotated[str, Meta(min_length=MIN_KEY_LENGTH)], ...] = ()
    """Comma-separated keys of at least 32 characters: the first signs and encrypts, all verify and decrypt."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    """Port to listen on."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Number of server processes."""
    cors_allowed_origins: tuple[str, ...] = ()
    """Comma-separated origins of browser apps; in development, the default is a local Vite server."""
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 262_144
    """Maximum size of a request body."""

    import_max_bytes: Annotated[int, Meta(ge=1024)] = 64 * 1024 * 1024
    """Maximum size of an imported file."""
    transfers: Count = 2
    """Concurrent exports and imports per worker, one per user; the response to another one is 503."""

    access_token_seconds: Seconds = 15 * 60
    """Lifetime of an access token."""
    session_idle_seconds: Seconds = 14 * 24 * 3600
    """A session expires when it is not refreshed for this time."""
    session_absolute_seconds: Seconds = 60 * 24 * 3600
    """A session expires this time after the login, even if it is refreshed."""
    refresh_grace_seconds: Annotated[int, Meta(ge=0, le=60)] = 10
    """For this time, a used refresh token still returns the same successor; 0: strictly single use."""
    sessions_per_user: Count = 50
    """Maximum number of sessions per user; a further login ends the session that was refreshed longest ago."""

    api_tokens_per_user: Count = 50
    """Maximum number of API tokens per user."""
    streams_per_user: Count = 20
    """Maximum number of open event streams per user and worker."""
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

    password_min_length: Annotated[int, Meta(ge=8, le=64)] = 8
    """Minimum length of a new password."""
    argon2_memory_kib: Annotated[int, Meta(ge=8, le=4 * 1024 * 1024)] = 19 * 1024
    """argon2id memory of one password hash; 8 is for tests."""
    argon2_passes: Annotated[int, Meta(ge=1, le=100)] = 2
    """argon2id passes over that memory."""
    argon2_lanes: Annotated[int, Meta(ge=1, le=16)] = 1
    """argon2id lanes."""
    hashing_threads: Count = 1
    """Concurrent password hashes per worker. As many as there are cores would slow down all other requests."""
    hashing_queue: Annotated[int, Meta(ge=0)] = 64
    """Requests per worker that may wait for a hashing thread; the response to another one is 503."""

    @property
    def is_production(self) -> bool:
        """Whether the service runs in production."""
        return self.environment is Environment.PRODUCTION

    @property
    def secret_file(self) -> Path:
        """The file of the key that development creates."""
        return self.data_folder / "secret.key"


class SettingsError(Exception):
    """The configuration is not valid. The message has a line for each invalid variable."""


def load(
    environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env"), *, serving: bool = True
) -> Settings:
    """Read the settings. A variable overrides the same one in the file; a blank variable counts as unset.

    Settings that only a server needs are required only if `serving`. Raises SettingsError for all invalid variables.
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
        problems.append("SECRET_KEYS: is required in production; `tasktracker keys new` prints a new key")
    if serving and settings.is_production and settings.debug:
        problems.append("DEBUG: must be off in production")
    if serving and settings.is_production and not settings.throttle:
        problems.append("THROTTLE: must be on in production")
    if not all(_is_network(proxy) for proxy in settings.trusted_proxies):
        problems.append("TRUSTED_PROXIES: must be addresses or networks, as in 127.0.0.1,10.0.0.0/8")
    if settings.workers > 1 and settings.database_url.startswith("memory:"):
        problems.append("WORKERS: must be 1 with DATABASE_URL=memory://, because processes cannot share it")
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
    """Return the message of msgspec without the path inside a value. It never quotes the value, which may be secret."""
    if type_ is Environment:
        return f"must be {' or '.join(Environment)}"
    return message.split(" - at ", maxsplit=1)[0].replace("Expected", "expected", 1)
