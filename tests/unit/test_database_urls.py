"""The URLs of databases: which file or server each of them names, and which are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import event

from tasktracker.adapters.sql import postgresql
from tasktracker.adapters.sql.engine import conninfo, postgresql_engine
from tasktracker.adapters.sql.urls import POSTGRESQL, SQLITE, database_url

URLS = st.one_of(
    st.text(),
    st.builds("sqlite:///{}".format, st.text()),
    st.builds("postgresql://{}".format, st.text(alphabet=st.sampled_from("ab1:/?#@[]%,=&é\x00\ud800 "))),
)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///file.db", "file.db"),
        ("sqlite:////folder/file.db", "/folder/file.db"),
        ("sqlite+pysqlite:///file.db", "file.db"),
        ("sqlite:////folder/a%20b.db", "/folder/a b.db"),
        ("sqlite:////folder/a b.db", "/folder/a b.db"),
        ("sqlite:////folder/a%3Fb%25%23.db", "/folder/a?b%#.db"),
        ("sqlite:////folder/a#b+c.db", "/folder/a#b+c.db"),
        ("sqlite:////t%C3%A2ches.db", "/tâches.db"),
    ],
)
def test_the_path_of_an_sqlite_url_is_decoded(url: str, path: str) -> None:
    parsed = database_url(url)
    assert (parsed.drivername, parsed.database) == (SQLITE, path)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://host/name",
        "postgresql://user:p%40ss%2F%25@host:5433/name?sslmode=require",
        "postgresql://",
        "postgresql:///name?host=/run/postgresql",
        f"postgresql://%2Frun%2F{'x' * 64}/name",
        "postgresql://[::1]:65535/name",
        f"postgresql://{'x' * 40},{'y' * 40}/name?target_session_attrs=read-write",
        "postgresql://one:5433,two:5434/name?target_session_attrs=read-write&connect_timeout=2",
        "postgresql://[::1],two:5434/name?application_name=mine",
    ],
)
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", POSTGRESQL])
def test_a_postgresql_url_means_the_same_as_to_libpq(url: str, scheme: str) -> None:
    given_url = url.replace("postgresql", scheme, 1)
    expected = {**postgresql.DEFAULTS, **conninfo_to_dict(url)}
    expected = {name: str(value) for name, value in expected.items()}
    assert conninfo_to_dict(conninfo(given_url)) == expected
    arguments, _ = postgresql._DIALECT.create_connect_args(database_url(given_url))
    assert "".join(arguments) == ""
    pool = postgresql.PostgreSQL(database_url(given_url), 1, 1, pooler=False, revision=None)
    assert {name: str(value) for name, value in pool._options.items()} == {**expected, "client_encoding": "utf8"}
    engine = postgresql_engine(database_url(given_url))

    @event.listens_for(engine, "do_connect")
    def refuse(_dialect: object, _record: object, arguments: Sequence[str], options: Mapping[str, Any]) -> None:
        assert "".join(arguments) == ""
        assert {name: str(value) for name, value in options.items() if name != "context"} == expected
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        engine.connect()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not a database URL"),
        ("secret", "not a database URL"),
        ("mysql://user:secret@host/name", "not supported"),
        ("postgresql+asyncpg://user:secret@host/name", "not supported"),
        ("sqlite://", "must be a file"),
        ("sqlite:///", "must be a file"),
        ("sqlite://secret/file.db", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
        ("sqlite:///file:tasks.db", "must be a file"),
        ("sqlite:///file:secret?mode=memory&uri=true", "must be a file"),
        ("sqlite:///secret?mode=ro", "must be a file"),
        ("sqlite:///secret%FF", "UTF-8"),
        ("sqlite:///secret%00", "control characters"),
        ("postgresql://user:100%secret@host/name", "percent-encoded"),
        ("postgresql://user:p@secret@host/name", "percent-encoded"),
        ("postgresql://user:secret/p@host/name", "percent-encoded"),
        ("postgresql://user:secret@host:0/name", "percent-encoded"),
        ("postgresql://user:secret@one:5433,two:65536/name", "percent-encoded"),
        ("postgresql://user:secret@host:\u0665/name", "percent-encoded"),
        ("postgresql://user:secret@[::1/name", "percent-encoded"),
        ("postgresql://user:secret@host/name?sslmod=require", "did you mean sslmode"),
        ("postgresql://user:secret@host/name?sslmode=require&my-secret-word=1", "unknown connection parameter$"),
        ("postgresql://user:secret\ud800@host/name", "percent-encoded"),
        ("postgresql://user@host,secret../name", "host name that is not valid"),
        (f"postgresql://user@secret{'x' * 60}/name", "host name that is not valid"),
    ],
)
def test_other_urls_are_refused_and_not_repeated(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        database_url(url)
    assert "secret" not in str(refused.value)


@given(URLS)
def test_any_text_is_a_usable_url_or_refused(text: str) -> None:
    try:
        parsed = database_url(text)
    except ValueError:
        return
    if parsed.drivername == POSTGRESQL:
        try:
            conninfo(text)
        except psycopg.Error as error:
            raise AssertionError("libpq refuses what was accepted") from error
    else:
        assert "\x00" not in str(parsed.database)
