"""A server that listens on `::` serves IPv6 and IPv4 alike, with any number of workers."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tasktracker.entrypoints.server import unmapped_and_mapped
from tests.http import PASSWORD, Server, expect, migrated, new_name
from tests.security.processes import Visitor


@pytest.fixture(scope="module", params=[1, 2], ids="{} workers".format)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a proxy that connects from 127.0.0.1."""
    folder = tmp_path_factory.mktemp("dual")
    url = migrated(f"sqlite:///{folder}/tasks.db")
    settings = {"DATABASE_URL": url, "HOST": "::", "WORKERS": str(request.param), "TRUSTED_PROXIES": "127.0.0.1"}
    with Server(folder, **settings) as server:
        yield server


def address_of(client: httpx.Client, forwarded: str) -> str:
    """Return the address that the server records of a client."""
    person = Visitor(client, forwarded).register()
    (event,) = person.listed("/api/accounts/me/activity/")
    return str(event["address"])


def test_a_trusted_ipv4_proxy_is_recognised(server: Server) -> None:
    assert address_of(server.client, "192.0.2.7") == "192.0.2.7"
    assert address_of(server.client, "::ffff:192.0.2.7") == "192.0.2.7"
    assert address_of(server.client, "192.0.2.7, ::ffff:127.0.0.1") == "192.0.2.7"


def test_another_proxy_is_not_trusted(server: Server) -> None:
    with httpx.Client(base_url=f"http://[::1]:{server.port}") as client:
        assert address_of(client, "192.0.2.7") == "::1"


def test_an_ipv4_client_is_recorded_by_its_ipv4_address(server: Server) -> None:
    body = {"username": new_name(), "password": PASSWORD}
    person = server.person(expect(server.client.post("/api/accounts/register/", json=body), 201))
    (event,) = person.listed("/api/accounts/me/activity/")
    assert event["address"] == "127.0.0.1"


def test_networks_of_proxies_are_also_trusted_in_mapped_form() -> None:
    trusted = unmapped_and_mapped(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])
    assert trusted == ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8", "::ffff:127.0.0.1/128", "::ffff:10.0.0.0/104"]
