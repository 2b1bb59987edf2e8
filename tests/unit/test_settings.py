"""Settings from the environment and a `.env` file, and the errors that name them."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasktracker.adapters.sql.urls import database_url
from tasktracker.domain.accounts.registration import Registration
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.settings import (
    DEVELOPMENT_ORIGINS,
    Environment,
    Settings,
    SettingsError,
    load,
    misspelled,
)

KEY = "0123456789abcdef0123456789abcdef"
OTHER_KEY = "fedcba9876543210fedcba9876543210"

DEFAULTS = {
    "environment": Environment.DEVELOPMENT,
    "debug": False,
    "data_folder": Path("data"),
    "database_url": "sqlite:///data/tasktracker.db",
    "database_connections": 10,
    "database_wait_seconds": 5,
    "database_prepared_statements": True,
    "listen_database_url": "",
    "secret_keys": (),
    "public_url": "",
    "mail_url": "",
    "mail_from": "",
    "run_worker": True,
    "registration": None,
    "host": "127.0.0.1",
    "port": 8000,
    "workers": 1,
    "cors_allowed_origins": ("http://localhost:5173", "http://127.0.0.1:5173"),
    "max_body_bytes": 256 * 1024,
    "import_max_bytes": 64 * 1024 * 1024,
    "transfers": 2,
    "access_token_seconds": 15 * 60,
    "session_idle_seconds": 14 * 24 * 3600,
    "session_absolute_seconds": 60 * 24 * 3600,
    "refresh_grace_seconds": 10,
    "sessions_per_user": 50,
    "api_tokens_per_user": 50,
    "streams_per_user": 20,
    "tasks_per_user": 0,
    "categories_per_user": 0,
    "bytes_per_user": 0,
    "members_per_task": 100,
    "window_days": 30,
    "throttle": True,
    "trusted_proxies": (),
    "request_log": True,
    "unix_socket": "",
    "metrics_token": "",
    "metrics_port": 0,
    "one_processor": True,
    "password_min_length": 8,
    "argon2_memory_kib": 19 * 1024,
    "argon2_passes": 2,
    "argon2_lanes": 1,
    "hashing_threads": 1,
    "hashing_queue": 64,
}

# Valid texts of each setting, and their values.
GOOD: list[tuple[str, str, Any]] = [
    ("ENVIRONMENT", "development", Environment.DEVELOPMENT),
    ("DEBUG", "true", True),
    ("DEBUG", "1", True),
    ("DEBUG", "False", False),
    ("THROTTLE", "off", False),
    ("THROTTLE", "On", True),
    ("REQUEST_LOG", "off", False),
    ("ONE_PROCESSOR", "off", False),
    ("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8", ("127.0.0.1", "10.0.0.0/8")),
    ("API_TOKENS_PER_USER", "3", 3),
    ("STREAMS_PER_USER", "1", 1),
    ("TASKS_PER_USER", "0", 0),
    ("CATEGORIES_PER_USER", "5", 5),
    ("BYTES_PER_USER", "9007199254740991", 9007199254740991),
    ("MEMBERS_PER_TASK", "2", 2),
    ("WINDOW_DAYS", "1", 1),
    ("WINDOW_DAYS", "3650", 3650),
    ("IMPORT_MAX_BYTES", "1024", 1024),
    ("TRANSFERS", "1", 1),
    ("DATA_FOLDER", "/var/lib/tasktracker", Path("/var/lib/tasktracker")),
    ("DATABASE_URL", "sqlite:///x.db", "sqlite:///x.db"),
    ("DATABASE_URL", "sqlite:////var/x.db", "sqlite:////var/x.db"),
    ("DATABASE_URL", "postgresql://u:p@h/d", "postgresql://u:p@h/d"),
    ("DATABASE_URL", "postgres://u:p@h:5433/d?sslmode=require", "postgres://u:p@h:5433/d?sslmode=require"),
    ("DATABASE_URL", "postgresql:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql"),
    ("DATABASE_URL", "postgresql://a:1,b:2/d", "postgresql://a:1,b:2/d"),
    ("DATABASE_URL", "memory://", "memory://"),
    ("DATABASE_CONNECTIONS", "1", 1),
    ("DATABASE_WAIT_SECONDS", "60", 60),
    ("DATABASE_PREPARED_STATEMENTS", "false", False),
    ("DATABASE_PREPARED_STATEMENTS", "0", False),
    ("SECRET_KEYS", KEY, (KEY,)),
    ("SECRET_KEYS", f" {KEY} ,{OTHER_KEY},", (KEY, OTHER_KEY)),
    ("PUBLIC_URL", "https://Tasks.example.org/", "https://tasks.example.org"),
    ("PUBLIC_URL", "http://localhost:8000", "http://localhost:8000"),
    ("PUBLIC_URL", "http://example.org:443", "http://example.org:443"),
    ("PUBLIC_URL", "https://example.org:80", "https://example.org:80"),
    ("PUBLIC_URL", "https://Example.org:443/My/tasks/", "https://example.org/My/tasks"),
    ("REGISTRATION", "closed", Registration.CLOSED),
    ("REGISTRATION", "invite", Registration.INVITE),
    ("HOST", "0.0.0.0", "0.0.0.0"),  # noqa: S104 as in a container
    ("HOST", "::1", "::1"),
    ("HOST", "[::1]", "::1"),
    ("HOST", "tasks.example.org", "tasks.example.org"),
    ("UNIX_SOCKET", "/run/tasktracker/socket", "/run/tasktracker/socket"),
    ("UNIX_SOCKET", "/" * 107, "/" * 107),
    ("METRICS_TOKEN", "a" * 16, "a" * 16),
    ("METRICS_PORT", "9000", 9000),
    ("PORT", " 80 ", 80),
    ("PORT", "65535", 65535),
    ("WORKERS", "4", 4),
    ("CORS_ALLOWED_ORIGINS", "https://a.example", ("https://a.example",)),
    ("CORS_ALLOWED_ORIGINS", "null", ("null",)),
    ("CORS_ALLOWED_ORIGINS", "https://a.example, https://b.example", ("https://a.example", "https://b.example")),
    # As browsers send them.
    ("CORS_ALLOWED_ORIGINS", "https://a.example/", ("https://a.example",)),
    ("CORS_ALLOWED_ORIGINS", "HTTPS://App.Example", ("https://app.example",)),
    ("CORS_ALLOWED_ORIGINS", "https://a.example:443,http://b.example:80", ("https://a.example", "http://b.example")),
    ("CORS_ALLOWED_ORIGINS", "https://a.example:0444", ("https://a.example:444",)),
    ("CORS_ALLOWED_ORIGINS", "http://[::1]:5173,capacitor://localhost", ("http://[::1]:5173", "capacitor://localhost")),
    ("CORS_ALLOWED_ORIGINS", "https://a.example,https://A.example/", ("https://a.example",)),
    ("CORS_ALLOWED_ORIGINS", "*", ("*",)),
    ("MAX_BODY_BYTES", "1024", 1024),
    ("ACCESS_TOKEN_SECONDS", "60", 60),
    ("SESSION_IDLE_SECONDS", "3600", 3600),
    ("SESSION_ABSOLUTE_SECONDS", "7200", 7200),
    ("REFRESH_GRACE_SECONDS", "0", 0),
    ("REFRESH_GRACE_SECONDS", "60", 60),
    ("SESSIONS_PER_USER", "1", 1),
    ("PASSWORD_MIN_LENGTH", "12", 12),
    ("ARGON2_MEMORY_KIB", "8", 8),
    ("ARGON2_PASSES", "1", 1),
    ("ARGON2_LANES", "4", 4),
    ("HASHING_THREADS", "1", 1),
    ("HASHING_QUEUE", "0", 0),
    ("RUN_WORKER", "off", False),
    ("MAIL_FROM", "Tasks <tasks@example.org>", "Tasks <tasks@example.org>"),
    ("PUBLIC_URL", "HTTPS://Tasks.Example.org:443/", "https://tasks.example.org"),
    ("PUBLIC_URL", "http://127.0.0.1:8000/tasks/", "http://127.0.0.1:8000/tasks"),
]
NUMBERS = ["x", "1.5", "1_0", "٣", "1 0", "0x10", "1e9e9", "-1", "nan", "true"]
BAD: dict[str, list[str]] = {
    "ENVIRONMENT": ["prod", "PRODUCTION", "staging"],
    "DEBUG": ["maybe", "2"],
    "THROTTLE": ["maybe"],
    "REQUEST_LOG": ["maybe"],
    "ONE_PROCESSOR": ["maybe"],
    "TRUSTED_PROXIES": ["proxy", "10.0.0.0/33", "127.0.0.1,proxy"],
    "API_TOKENS_PER_USER": [*NUMBERS, "0", "1000001"],
    "STREAMS_PER_USER": [*NUMBERS, "0", "1000001"],
    "LISTEN_DATABASE_URL": ["x", "sqlite:///x.db", "memory://", "mysql://h/d", "postgresql://u:p@h/d"],
    "DATA_FOLDER": ["a\x00b", "a\nb", "\ud800"],
    "PUBLIC_URL": ["x", "tasks.example.org", "ftp://h", "https://", "https://h/a?b", "https://h/#a", "https://h//a"],
    "REGISTRATION": ["x", "OPEN", "null", "none", "open,closed"],
    "HOST": [
        "http://localhost",
        "..",
        "a..b",
        "x" * 64,
        f"a.{'x' * 64}.example",
        "localhost:8000",
        "a b",
        "*",
        "é",
        "-x",
        "x" * 254,
        "1::2::3",
    ],
    "CORS_ALLOWED_ORIGINS": [
        "a.example",
        "https://",
        "https://a.example/app",
        "https://a.example?x",
        "https://u@a.example",
        "https://a.example:65536",
        "https://*.example",
        "https://é.example",
        "https://a.example;https://b.example",
    ],
    "TASKS_PER_USER": [*NUMBERS, "-1", "9007199254740992"],
    "CATEGORIES_PER_USER": [*NUMBERS, "-1", "9007199254740992"],
    "BYTES_PER_USER": [*NUMBERS, "-1", "9007199254740992"],
    "MEMBERS_PER_TASK": [*NUMBERS, "0", "1000001"],
    "WINDOW_DAYS": [*NUMBERS, "0", "3651"],
    "IMPORT_MAX_BYTES": [*NUMBERS, "1023", str(2**40 + 1)],
    "TRANSFERS": [*NUMBERS, "0"],
    "DATABASE_URL": [
        "x",
        "mysql://h/d",
        "sqlite:x.db",
        "sqlite://x.db",
        "file:x.db",
        "postgresql:h",
        "memory",
        "postgresql://h/d?sslmod=x",
    ],
    "DATABASE_CONNECTIONS": [*NUMBERS, "0", "1001", "9" * 5000],
    "DATABASE_WAIT_SECONDS": [*NUMBERS, "0", "61"],
    "DATABASE_PREPARED_STATEMENTS": ["maybe"],
    "SECRET_KEYS": [KEY[:31], f"{KEY},short", f"short,{KEY}", f" {KEY[:31]} "],
    "UNIX_SOCKET": ["a\x00b", "a\nb", "/" * 108, "/é" * 36],
    "METRICS_TOKEN": ["a" * 15, "é" * 16],
    "METRICS_PORT": [*NUMBERS, "65536"],
    "PORT": [*NUMBERS, "65536"],
    "WORKERS": [*NUMBERS, "0", "65"],
    "MAX_BODY_BYTES": [*NUMBERS, "0", "1023"],
    "ACCESS_TOKEN_SECONDS": [*NUMBERS, "0", "99999999999"],
    "SESSION_IDLE_SECONDS": [*NUMBERS, "0"],
    "SESSION_ABSOLUTE_SECONDS": [*NUMBERS, "0"],
    "REFRESH_GRACE_SECONDS": [*NUMBERS, "61"],
    "SESSIONS_PER_USER": [*NUMBERS, "0"],
    "PASSWORD_MIN_LENGTH": [*NUMBERS, "7", "65"],
    "ARGON2_MEMORY_KIB": [*NUMBERS, "7"],
    "ARGON2_PASSES": [*NUMBERS, "0"],
    "ARGON2_LANES": [*NUMBERS, "0"],
    "HASHING_THREADS": [*NUMBERS, "0"],
    "HASHING_QUEUE": NUMBERS,
    "RUN_WORKER": ["maybe"],
    "MAIL_FROM": [
        *("x", "Tasks", "Tasks <>", "Tasks <tasks>", "tasks@localhost", "@example.org", "a@b.example, c@d.example"),
        *("é@example.org", "a@é.example.org"),
    ],
    "MAIL_URL": [
        "x",
        "smtp://",
        "http://mail.example.org",
        "smtp://mail.example.org/path",
        "smtp://mail.example.org#part",
        "smtp://mail.example.org:port",
        "smtp://mail.example.org?tls=on",
        "smtps://mail.example.org?tls=off",
        "smtp://user:password@mail.example.org?tls=off",
        "smtp://user@mail.example.org?tls=off",
        "smtp://user:pässword@mail.example.org",
        "smtp://üser:password@mail.example.org",
        "folder:",
    ],
}


# Where a valid value may conflict with the default of another setting.
RELATED = {
    "ENVIRONMENT": {"ENVIRONMENT", "SECRET_KEYS"},
    "ACCESS_TOKEN_SECONDS": {"ACCESS_TOKEN_SECONDS", "SESSION_IDLE_SECONDS"},
    "ARGON2_LANES": {"ARGON2_LANES", "ARGON2_MEMORY_KIB"},
    "DATABASE_URL": {"DATABASE_URL", "WORKERS"},
}


def problems(environ: Mapping[str, str], dotenv: Path | None = None, *, serving: bool = True) -> dict[str, str]:
    """Return the error messages by variable."""
    with pytest.raises(SettingsError) as caught:
        load(environ, dotenv, serving=serving)
    named = dict(line.split(": ", maxsplit=1) for line in str(caught.value).splitlines())
    assert all(named.values())
    return named


def test_every_setting_has_a_default() -> None:
    assert msgspec.structs.asdict(load({}, None)) == DEFAULTS


def test_every_setting_is_tested_here() -> None:
    variables = {name.upper() for name in Settings.__struct_fields__}
    assert {name for name, _, _ in GOOD} | {"LISTEN_DATABASE_URL", "MAIL_URL"} == set(BAD) == variables


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_a_variable_sets_its_setting_and_no_other(name: str, text: str, value: object) -> None:
    others = DEFAULTS | {name.lower(): value}
    if name == "DATA_FOLDER":
        others["database_url"] = "sqlite:////var/lib/tasktracker/tasktracker.db"
    if name == "ARGON2_LANES":
        others["argon2_lanes"] = 4
    assert msgspec.structs.asdict(load({name: text}, None)) == others


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_refused_with_the_name_of_its_variable(name: str) -> None:
    for text in BAD[name]:
        assert problems({name: text}).keys() == {name}, text


@pytest.mark.parametrize("name", BAD)
def test_no_error_quotes_a_value(name: str) -> None:
    secret = "hunter2\n" + "x" if name != "SECRET_KEYS" else f"{KEY},hunter2"
    message = problems({name: secret})[name]
    assert "hunter2" not in message
    assert KEY not in message


def test_all_bad_values_are_named_together() -> None:
    named = problems({"PORT": "x", "WORKERS": "0", "SECRET_KEYS": "short", "HOST": "fine"})
    assert named.keys() == {"PORT", "WORKERS", "SECRET_KEYS"}


def test_all_conflicts_are_named_together_with_bad_values() -> None:
    settings = {"ENVIRONMENT": "production", "DEBUG": "1", "DATABASE_URL": "memory://", "WORKERS": "2", "PORT": "x"}
    assert problems(settings).keys() == {"SECRET_KEYS", "DEBUG", "WORKERS", "PORT"}


def test_a_value_that_cannot_be_read_conflicts_with_no_other() -> None:
    settings = {"ACCESS_TOKEN_SECONDS": "x", "SESSION_IDLE_SECONDS": "60", "DATABASE_URL": "x", "WORKERS": "2"}
    settings["LISTEN_DATABASE_URL"] = "postgresql://u@h/d"
    assert problems(settings).keys() == {"ACCESS_TOKEN_SECONDS", "DATABASE_URL"}


def test_errors_are_in_words_for_people() -> None:
    named = problems({"PORT": "x", "DEBUG": "x", "ENVIRONMENT": "x", "SECRET_KEYS": "x", "REGISTRATION": "x"})
    assert named == {
        "PORT": "must be a whole number from 0 to 65535",
        "DEBUG": "must be true or false",
        "ENVIRONMENT": "must be development or production",
        "SECRET_KEYS": "each key must have at least 32 characters; `tasktracker keys new` prints one",
        "REGISTRATION": "must be open, invite, closed",
    }


@pytest.mark.parametrize("name", sorted(BAD))
@given(text=st.one_of(st.text(), st.text(alphabet="0123456789abc.:/,@%[]*-"), st.integers().map(str)))
@hypothesis_settings(max_examples=10)
def test_any_text_is_a_valid_setting_or_refused_by_its_name(name: str, text: str) -> None:
    try:
        container = Container(settings=load({name: text}, None))
    except SettingsError as error:
        refused = {line.partition(": ")[0] for line in str(error).splitlines()}
    else:
        refused = set()
        container.session_policy(), container.notifier(), container.throttle(), container.password_policy()
    assert refused <= RELATED.get(name, {name})


@pytest.mark.parametrize("blank", ["", " ", "\t"])
@pytest.mark.parametrize("name", [name.upper() for name in DEFAULTS])
def test_a_blank_variable_counts_as_unset(name: str, blank: str) -> None:
    assert load({name: blank}, None) == load({}, None)


def test_other_variables_are_ignored() -> None:
    assert load({"PATH": "/bin", "TASKTRACKER_PORT": "1", "port": "1", "Debug": "1"}, None) == load({}, None)


def test_settings_are_immutable() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        load({}, None).port = 1  # type: ignore[misc]


# ------------------------------------------------------------------------------------------------ production


def test_production_needs_a_key() -> None:
    assert problems({"ENVIRONMENT": "production"}).keys() == {"SECRET_KEYS"}
    assert "tasktracker keys new" in problems({"ENVIRONMENT": "production"})["SECRET_KEYS"]
    assert load({"ENVIRONMENT": "production", "SECRET_KEYS": KEY}, None).is_production


def test_production_refuses_debug() -> None:
    settings = {"ENVIRONMENT": "production", "SECRET_KEYS": KEY}
    assert problems(settings | {"DEBUG": "1"}).keys() == {"DEBUG"}


@pytest.mark.parametrize(
    ("name", "value"), [("DEBUG", "on"), ("THROTTLE", "off"), ("MAIL_URL", "folder:mail"), ("SECRET_KEYS", "")]
)
def test_only_a_server_in_production_refuses_what_development_may_have(name: str, value: str) -> None:
    mail = {"MAIL_FROM": "tasks@example.org", "PUBLIC_URL": "https://example.org"}
    settings = {"ENVIRONMENT": "production", "SECRET_KEYS": KEY, **mail, name: value}
    assert problems(settings).keys() == {name}
    assert load(settings, None, serving=False).is_production
    assert not load(settings | {"ENVIRONMENT": "development"}, None).is_production


def test_production_allows_no_origin_by_default() -> None:
    settings = {"ENVIRONMENT": "production", "SECRET_KEYS": KEY}
    assert load(settings, None).cors_allowed_origins == ()
    own = load(settings | {"CORS_ALLOWED_ORIGINS": "https://a.example"}, None)
    assert own.cors_allowed_origins == ("https://a.example",)
    assert load({}, None).cors_allowed_origins == DEVELOPMENT_ORIGINS


def test_a_command_that_does_not_serve_needs_no_key() -> None:
    settings = {"ENVIRONMENT": "production", "DATABASE_URL": "postgresql://h/d"}
    assert load(settings, None, serving=False).database_url == "postgresql://h/d"
    assert problems(settings | {"DATABASE_URL": "x"}, serving=False).keys() == {"DATABASE_URL"}


# ---------------------------------------------------------------------------------------- combinations


def test_memory_storage_allows_only_one_worker() -> None:
    assert problems({"DATABASE_URL": "memory://", "WORKERS": "2"}).keys() == {"WORKERS"}
    assert load({"DATABASE_URL": "memory://", "WORKERS": "1"}, None).workers == 1
    assert load({"WORKERS": "2"}, None).workers == 2


def test_a_session_must_not_end_before_its_access_token() -> None:
    assert problems({"SESSION_IDLE_SECONDS": "60"}).keys() == {"SESSION_IDLE_SECONDS"}
    assert load({"SESSION_IDLE_SECONDS": "60", "ACCESS_TOKEN_SECONDS": "60"}, None).session_idle_seconds == 60


def test_listening_needs_a_postgresql_database() -> None:
    url = "postgresql://u:p@h/d"
    assert load({"LISTEN_DATABASE_URL": url, "DATABASE_URL": url}, None).listen_database_url == url
    for other in ("memory://", "sqlite:///x.db"):
        assert problems({"LISTEN_DATABASE_URL": url, "DATABASE_URL": other}).keys() == {"LISTEN_DATABASE_URL"}


def test_special_characters_of_the_data_folder_are_part_of_the_database_path() -> None:
    url = load({"DATA_FOLDER": "/a b/100%?#é"}, None).database_url
    assert database_url(url).database == "/a b/100%?#é/tasktracker.db"


def test_every_lane_needs_memory() -> None:
    assert problems({"ARGON2_MEMORY_KIB": "15", "ARGON2_LANES": "2"}).keys() == {"ARGON2_MEMORY_KIB"}
    cheapest = load({"ARGON2_MEMORY_KIB": "16", "ARGON2_LANES": "2", "ARGON2_PASSES": "1"}, None)
    hasher = Container(settings=cheapest).passwords()
    assert hasher.verify("secret", hasher.hash("secret"))


# ---------------------------------------------------------------------------------------------------- .env


def test_the_env_file_is_read(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"# our settings\nPORT=8001\nHOST='::1'\nexport WORKERS=\"2\"\nSECRET_KEYS={KEY},{OTHER_KEY}\n\n")
    settings = load({}, dotenv)
    assert (settings.port, settings.host, settings.workers) == (8001, "::1", 2)
    assert settings.secret_keys == (KEY, OTHER_KEY)


def test_the_environment_overrides_the_env_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=8001\nHOST=::1\n")
    settings = load({"PORT": "8002"}, dotenv)
    assert (settings.port, settings.host) == (8002, "::1")


def test_a_blank_variable_does_not_override_the_env_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=8001\nHOST=\nWORKERS\n")
    settings = load({"PORT": " ", "HOST": ""}, dotenv)
    assert (settings.port, settings.host, settings.workers) == (8001, "127.0.0.1", 1)


def test_a_bad_value_in_the_env_file_is_refused_with_its_name(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=hunter2\n")
    assert problems({}, dotenv).keys() == {"PORT"}
    assert load({"PORT": "1"}, dotenv).port == 1


def test_names_in_the_env_file_that_are_no_settings_are_reported(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        "DATABSE_URL=hunter2\nport=1\nCOMPOSE_PROJECT=x\nWORKERS=1\nEMPTY=\nSECRET_KEYS_FILE=key\nMAIL_URL_FIL=x\n"
    )
    assert misspelled({}, dotenv) == [
        f"{dotenv}: DATABSE_URL is not a setting; did you mean DATABASE_URL?",
        f"{dotenv}: port is not a setting; did you mean PORT?",
        f"{dotenv}: COMPOSE_PROJECT is not a setting",
        f"{dotenv}: MAIL_URL_FIL is not a setting; did you mean MAIL_URL_FILE?",
    ]


def test_variables_that_are_nearly_settings_are_reported() -> None:
    environ = {"DATABSE_URL": "hunter2", "PATH": "/bin", "HOSTNAME": "h", "HOME": "/", "PORT": "1", "PORTS": "1"}
    assert misspelled(environ, None) == ["the variable DATABSE_URL is not a setting; did you mean DATABASE_URL?"]
    assert misspelled({**environ, "DATABASE_URL": "memory://"}, None) == [], "it may belong to another program"
    near = {"database_ur": "x", "WORKER": "1", "MAIL_FRO": "x", "DATABASE_URL": " "}
    assert misspelled(near, None) == [
        f"the variable {name} is not a setting; did you mean {meant}?"
        for name, meant in (("MAIL_FRO", "MAIL_FROM"), ("WORKER", "WORKERS"), ("database_ur", "DATABASE_URL"))
    ]


def test_lines_of_the_env_file_that_cannot_be_read_are_refused_with_their_numbers(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("# port\nPORT=1\n\n\nSECRET KEYS=hunter2\nHOST='unclosed\nWORKERS=2\n = 3\n")
    for read in (load, misspelled):
        with pytest.raises(SettingsError) as caught:
            read({}, dotenv)
        assert str(caught.value) == "\n".join(f"{dotenv}: line {line} must be like NAME=value" for line in (5, 6, 8))


@pytest.mark.parametrize("name", ["SECRET_KEYS", "DATABASE_URL", "LISTEN_DATABASE_URL", "MAIL_URL", "METRICS_TOKEN"])
def test_a_secret_may_be_in_a_file(tmp_path: Path, name: str) -> None:
    values = {"SECRET_KEYS": KEY, "METRICS_TOKEN": "a" * 16, "MAIL_URL": "smtp://user:password@mail.example.org"}
    value = values.get(name, "postgresql://u@h/d")
    file = tmp_path / "secret"
    file.write_text(f"{value}\n")
    given = {
        "LISTEN_DATABASE_URL": {"DATABASE_URL": "postgresql://u@h/d"},
        "MAIL_URL": {"MAIL_FROM": "tasks@example.org", "PUBLIC_URL": "https://example.org"},
    }.get(name, {})
    assert load({**given, f"{name}_FILE": f" {file} "}, None) == load({**given, name: value}, None)
    assert misspelled({f"{name}_FILE": str(file)}, None) == []
    assert "together" in problems({name: value, f"{name}_FILE": str(file)})[name]
    assert "No such file" in problems({f"{name}_FILE": str(tmp_path / "other")})[name]
    assert "Is a directory" in problems({f"{name}_FILE": str(tmp_path)})[name]
    file.write_bytes(b"\xff")
    assert "UTF-8" in problems({f"{name}_FILE": str(file)})[name]


def test_only_secrets_are_read_from_files(tmp_path: Path) -> None:
    assert load({"PORT_FILE": str(tmp_path / "missing")}, None).port == 8000


def test_an_env_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / ".env").touch()
    monkeypatch.setattr(Path, "read_text", fail)
    with pytest.raises(SettingsError, match=r"\.env: Permission denied"):
        load({}, tmp_path / ".env")


def test_the_env_file_is_optional(tmp_path: Path) -> None:
    assert load({}, tmp_path / ".env") == load({}, None)
    (tmp_path / ".env").mkdir()  # of another program
    assert load({}, tmp_path / ".env") == load({}, None)


def test_an_env_file_of_an_editor_that_marks_utf_8_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def recorded(text: str) -> StringIO:
        parsed.append(text)
        return StringIO(text)

    monkeypatch.setattr("tasktracker.entrypoints.settings.StringIO", recorded)
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfPORT=8001\n")
    assert load({}, tmp_path / ".env").port == 8001
    assert set(parsed) == {"PORT=8001\n"}, "python-dotenv before 1.2.3 keeps the mark in the first name"


@pytest.mark.parametrize(
    "part",
    [
        *("admin", "api", "assets", "dev", "docs", "health", "link", "list", "metrics", "problems", "schema"),
        *("settings", "task", "user"),
    ],
)
def test_the_public_url_is_below_no_path_of_the_server(part: str) -> None:
    assert problems({"PUBLIC_URL": f"https://example.org/{part}/tasks"}).keys() == {"PUBLIC_URL"}


def test_a_host_name_has_at_most_253_characters() -> None:
    name = ".".join(["a" * 49] * 6)
    assert load({"HOST": name[:253]}, None).host == name[:253]
    assert problems({"HOST": name[:254]}).keys() == {"HOST"}


def test_the_env_file_of_the_current_folder_and_the_process_environment_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("PORT=8001\nHOST=::1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOST", raising=False)
    monkeypatch.setenv("PORT", "8002")
    assert (load().port, load().host) == (8002, "::1")


# ----------------------------------------------------------------------------------------------- the container


def test_every_setting_is_documented() -> None:
    source = Path(str(load.__code__.co_filename)).read_text(encoding="utf-8")
    for name in Settings.__struct_fields__:
        assert re.search(rf'^    {name}: [^\n]+\n    """[^\n]+"""\n', source, re.MULTILINE), f"{name} is not explained"


@pytest.mark.parametrize(
    ("name", "text", "attribute", "seconds"),
    [
        ("ACCESS_TOKEN_SECONDS", "61", "access", 61),
        ("SESSION_IDLE_SECONDS", "3601", "idle", 3601),
        ("SESSION_ABSOLUTE_SECONDS", "7201", "absolute", 7201),
        ("REFRESH_GRACE_SECONDS", "11", "grace", 11),
    ],
)
def test_lifetimes_reach_the_sessions(name: str, text: str, attribute: str, seconds: int) -> None:
    policy = Container(settings=load({name: text}, None)).session_policy()
    assert getattr(policy, attribute).total_seconds() == seconds


def test_mail_needs_a_sender_and_the_url_of_its_links() -> None:
    mail = {"MAIL_URL": "smtp://mail.example.org"}
    assert problems(mail).keys() == {"MAIL_FROM", "PUBLIC_URL"}
    complete = mail | {"MAIL_FROM": "tasks@example.org", "PUBLIC_URL": "https://tasks.example.org"}
    assert load(complete, None).mail_url == mail["MAIL_URL"]
    assert Container(settings=load(complete, None)).outbox().is_on
    assert not Container(settings=load({}, None)).outbox().is_on


def test_production_writes_no_mail_into_a_folder() -> None:
    mail = {"MAIL_URL": "folder:mail", "MAIL_FROM": "tasks@example.org", "PUBLIC_URL": "https://tasks.example.org"}
    assert load(mail, None).mail_url == "folder:mail"
    assert problems(mail | {"ENVIRONMENT": "production", "SECRET_KEYS": KEY}).keys() == {"MAIL_URL"}
