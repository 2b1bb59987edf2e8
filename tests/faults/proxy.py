"""The reverse proxies of docs/deployment.md, as documented, in front of servers of the tests."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.guarded_process import GuardedProcess
from tests.http import Server
from tests.postgres_supervisor import free_port
from tests.waiting import PATIENCE, wait_until

PAGE = Path(__file__).parents[2] / "docs" / "deployment.md"
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log {folder}/access.log;
    {temporary}
    {block}
}}
"""


class Proxy:
    """nginx, with the blocks of the page. Only addresses, ports and certificates are those of the test."""

    def __init__(self, folder: Path, servers: Sequence[Server]) -> None:
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        assert program, "nginx is not installed: apt-get install nginx-light"
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        certificate, key = self_signed(folder)
        block = documented(len(servers))
        for number, server in enumerate(servers):
            block = block.replace(f"127.0.0.1:{8000 + number}", f"127.0.0.1:{server.port}")
        block = replaced(block, "listen 443 ", f"listen 127.0.0.1:{self.port} ")
        block = replaced(block, "listen 80;", f"listen 127.0.0.1:{free_port()};")
        block = replaced(block, "/etc/letsencrypt/live/tasks.example.org/fullchain.pem", str(certificate))
        block = replaced(block, "/etc/letsencrypt/live/tasks.example.org/privkey.pem", str(key))
        kinds = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
        temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        self._configuration = folder / "nginx.conf"
        self._configuration.write_text(NGINX.format(folder=folder, temporary=temporary, block=block))
        self._command = [program, "-p", str(folder), "-c", str(self._configuration)]
        self._log = folder / "nginx.log"

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = GuardedProcess(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(self._answers, self._log.read_text, self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)

    def client(self, address: str = "127.0.0.1") -> httpx.Client:
        """Return a client that connects from an address of this machine."""
        transport = httpx.HTTPTransport(verify=False, local_address=address)
        return httpx.Client(base_url=self.url, timeout=PATIENCE, transport=transport)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/health/live").is_success
        except httpx.TransportError:
            return False


def documented(servers: int) -> str:
    """Return the nginx configuration of the page for this number of servers."""
    blocks = re.findall(r"^```nginx\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    (complete,) = [block for block in blocks if "server_name" in block]
    upstreams = {block.count("max_fails=0"): block for block in blocks}
    upstream = re.compile(r"^upstream tasktracker \{.*?^\}$", re.M | re.S)
    (found,) = upstream.findall(upstreams[servers])
    return upstream.sub(found, complete)


def replaced(text: str, old: str, new: str) -> str:
    """Replace a part that must be there."""
    assert old in text, f"{old!r} is not in the documented configuration"
    return text.replace(old, new)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Write a certificate and its key, and return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tasks.example.org")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
