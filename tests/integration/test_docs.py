"""The documentation is correct: settings, statuses and links are compared with the code, and examples are run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from tasktracker.domain.accounts import letters
from tasktracker.domain.accounts.invites import DEFAULT_LIFETIME
from tasktracker.domain.accounts.links import HANDED_OVER, LIFETIMES, LinkKind
from tasktracker.domain.accounts.password import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from tasktracker.domain.accounts.session import MAX_DEVICE_LENGTH, PROOF_LIFETIME, SessionPolicy
from tasktracker.domain.accounts.user import (
    MAX_EMAIL_LENGTH,
    MAX_PERSON_NAME_LENGTH,
    MAX_USERNAME_LENGTH,
    MIN_USERNAME_LENGTH,
)
from tasktracker.domain.api_tokens.api_token import MAX_NAME_LENGTH as MAX_TOKEN_NAME_LENGTH
from tasktracker.domain.api_tokens.api_token import USE_STEP
from tasktracker.domain.categories.category import MAX_DESCRIPTION_LENGTH as MAX_CATEGORY_DESCRIPTION_LENGTH
from tasktracker.domain.categories.category import MAX_NAME_LENGTH
from tasktracker.domain.deliveries.courier import RELAY_PAUSE
from tasktracker.domain.deliveries.delivery import LEASE, RETRIED_FOR
from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.portability import import_service, ndjson, zipped
from tasktracker.domain.portability.import_job import MAX_JOBS, MAX_STORED_LINES
from tasktracker.domain.sharing import acceptance
from tasktracker.domain.sharing.invitation import LIFETIME as SHARE_LIFETIME
from tasktracker.domain.sync.mutation import MAX_MUTATIONS, MAX_OWN
from tasktracker.domain.sync.ticket import TICKET_LIFETIME
from tasktracker.domain.tasks.task import MAX_DEPTH, MAX_DESCRIPTION_LENGTH, MAX_TITLE_CLUSTERS, MAX_TITLE_LENGTH
from tasktracker.domain.throttling.limit import (
    ADDRESS_LIMITS,
    CODE_BY_ACCOUNT,
    FORGOTTEN_LIMITS,
    INVITATION_BY_ACCOUNT,
    LOGIN_BY_ACCOUNT,
    PAIR_LIMITS,
    PASSWORD_BY_ACCOUNT,
    REFRESH_BY_ADDRESS,
    REFRESH_BY_SESSION,
    REGISTRATION_LIMITS,
    TRUSTED_FOR,
)
from tasktracker.entrypoints import cli
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http import events, subscriptions
from tasktracker.entrypoints.http.app import create_app
from tasktracker.entrypoints.http.categories import CategoryView
from tasktracker.entrypoints.http.core import connection
from tasktracker.entrypoints.http.core.problems import PROTOCOL, kinds, status_of
from tasktracker.entrypoints.http.task_schemas import MAX_SEARCH_LENGTH, TaskView
from tasktracker.entrypoints.settings import Settings, load
from tests.http import Server
from tests.integration.test_sync_demo import TRANSCRIPT
from tests.waiting import PATIENCE

REPOSITORY = Path(__file__).parents[2]
PAGES = [
    path.relative_to(REPOSITORY).as_posix()
    for path in sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"```bash\n(?P<script>.*?)^```\n(?:\s*```(?P<form>json|http)\n(?P<shown>.*?)^```\n)?", re.M | re.S)
SEPARATOR = "\x1e"


def read(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def fields_in(table: str) -> set[str]:
    """The names in the first column of a table."""
    first = re.findall(r"^\| (`[^|]*?) \|", table, re.M)
    return {name for cell in first for name in re.findall(r"`(\w+)`", cell)}


# ------------------------------------------------------------------- numbers

AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)


def test_a_page_names_the_numbers_of_the_program() -> None:
    policy = SessionPolicy()
    assert (letters.MAX_MAILS, letters.IN_TIME, acceptance.MAX_MAILS, acceptance.IN_TIME) == (3, AN_HOUR, 3, A_DAY)
    assert (AN_HOUR, timedelta(minutes=2), 5, 60) == (USE_STEP, LEASE, MAX_DEPTH, connection.STALLED_SECONDS)
    statements = {
        "docs/api.md": [
            f"may be {connection.MAX_HEAD_BYTES // 1024} KiB large and must arrive within "
            f"{connection.HEAD_SECONDS} seconds",
            f"A body may take {connection.BODY_SECONDS} seconds, and longer if it arrives at "
            f"{connection.BYTES_PER_SECOND // 1024} KiB per second",
            f"not used for {connection.KEEP_ALIVE_SECONDS} seconds",
            f"checks these times every {connection.CHECK_SECONDS} seconds",
            f"At most {connection.MAX_PIPELINED} requests may wait",
            f"For {TRUSTED_FOR.days} days after a login",
            f"| {MIN_USERNAME_LENGTH} to {MAX_USERNAME_LENGTH} letters",
            f"at most {MAX_EMAIL_LENGTH} characters",
            f"up to {MAX_PERSON_NAME_LENGTH} characters, trimmed",
            f"A password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters",
            "at most three such mails in an hour",
            f"The link works once, for {LIFETIMES[LinkKind.VERIFY_EMAIL] // AN_HOUR} hours",
            f"One to reset a password is valid for {LIFETIMES[LinkKind.RESET_PASSWORD].seconds // 60} minutes",
            f"one to set the first password for {LIFETIMES[LinkKind.SET_PASSWORD].days} days",
            f"that an administrator makes is valid for {HANDED_OVER // AN_HOUR} hours",
            f"optional name of up to {MAX_DEVICE_LENGTH} characters",
            f"valid for {policy.access.seconds // 60} minutes, and a refresh token, valid for {policy.idle.days} days",
            f"for {policy.grace.seconds} seconds after the rotation",
            f"ends {policy.idle.days} days after its last rotation, and in any case {policy.absolute.days} days after",
            f"A user has at most {policy.max_sessions} sessions",
            f"1 to {MAX_TOKEN_NAME_LENGTH} characters after trimming",
            "stored once an hour",
            f"1 to {MAX_NAME_LENGTH} characters after trimming",
            f"up to {MAX_CATEGORY_DESCRIPTION_LENGTH} characters, by default empty",
            f"1 to {MAX_TITLE_CLUSTERS} characters after trimming",
            f"up to {MAX_DESCRIPTION_LENGTH:,} characters, by default empty",
            f"up to {MAX_SEARCH_LENGTH} characters; the title or the description",
            "up to five levels deep",
            f"An invitation ends after {SHARE_LIFETIME.days} days",
            f"up to {MAX_MUTATIONS} mutations",
            f"confirm the password for {PROOF_LIFETIME.seconds // 60} minutes",
        ],
        "docs/sync.md": [
            f"takes up to {MAX_MUTATIONS} mutations",
            f"the ids of up to {MAX_OWN} earlier mutations",
            f"a heartbeat, sent every {events.HEARTBEAT_SECONDS} seconds",
            f"within {subscriptions.CHECK_SECONDS + 1} seconds after the token is revoked",
            f'"expires_in": {TICKET_LIFETIME.seconds}}}`',
            f"stream within {TICKET_LIFETIME.seconds} seconds",
        ],
        "docs/administration.md": [
            f"chooses it within {LIFETIMES[LinkKind.SET_PASSWORD].days} days",
            f"sets a new password within {HANDED_OVER // AN_HOUR} hours",
            f"in {DEFAULT_LIFETIME.days} days)",
        ],
        "docs/mail.md": [
            f"could not be sent for {RETRIED_FOR // AN_HOUR} hours",
            f"a worker pauses for {RELAY_PAUSE.seconds} seconds",
            "after two minutes",
            "three invitations to tasks and categories in 24 hours",
        ],
        "docs/export-import.md": [
            f"may have {zipped.MAX_FILES} files, and {zipped.MAX_UNPACKED // 1024**2} MiB when unpacked",
            f"a title over {MAX_TITLE_CLUSTERS} characters (grapheme clusters) or {MAX_TITLE_LENGTH} code points",
            f"the newest {MAX_JOBS} are kept, and of those only as many as have {MAX_STORED_LINES:,} lines",
            f"the last {import_service.BATCH} lines may be missing",
        ],
        "docs/deployment.md": [f"take at most {connection.MAX_UNSENT_BYTES // 1024**2} MiB in each worker"],
    }
    missing = [text for page, texts in statements.items() for text in texts if text not in " ".join(read(page).split())]
    assert missing == []


def test_the_api_guide_lists_every_limit() -> None:
    counted_by = ("address", "/56", "/48")
    limits = {
        **{("logins", f"username and {by}"): each for by, each in zip(counted_by, PAIR_LIMITS, strict=True)},
        **{("logins", by): each for by, each in zip(counted_by, ADDRESS_LIMITS, strict=True)},
        ("logins", "username"): LOGIN_BY_ACCOUNT,
        **{("registrations", by): each for by, each in zip(counted_by, REGISTRATION_LIMITS, strict=True)},
        **{("forgotten passwords", by): each for by, each in zip(counted_by, FORGOTTEN_LIMITS, strict=True)},
        ("refreshes", "session"): REFRESH_BY_SESSION,
        ("refreshes", "address"): REFRESH_BY_ADDRESS,
        ("confirmations of the caller's password", "account"): PASSWORD_BY_ACCOUNT,
        ("two-factor codes, other than those of logins", "account"): CODE_BY_ACCOUNT,
        ("usernames and addresses given when sharing tasks and categories", "account"): INVITATION_BY_ACCOUNT,
    }

    def interval(seconds: float) -> str:
        return "minute" if seconds == 60 else f"{seconds / 60:g} minutes" if seconds > 60 else f"{seconds:g} seconds"

    rows = [
        f"| {what} | {by} | {each.burst} | {interval(each.refill.total_seconds())} |"
        for (what, by), each in limits.items()
    ]
    table = read("docs/api.md").partition("| what | counted by | burst | then one every |\n|---|---|---|---|\n")[2]
    assert table.partition("\n\n")[0].splitlines() == rows


# ------------------------------------------------------------------ settings


def as_variable(default: Any) -> str:
    """Return a default in the form of an environment variable."""
    if isinstance(default, bool):
        return str(default).lower()
    if default is None:
        return ""
    return ",".join(default) if isinstance(default, tuple) else str(default)


DEFAULTS = {field.name.upper(): as_variable(field.default) for field in msgspec.structs.fields(Settings)}


def test_the_configuration_page_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \| (?:`(.+?)`|unset) \| \S", read("docs/configuration.md"), re.M)
    assert dict(rows) == DEFAULTS
    assert len(rows) == len(DEFAULTS)


def test_the_example_file_lists_every_setting_with_its_default(tmp_path: Path) -> None:
    lines = re.findall(r"^#([A-Z][A-Z0-9_]+)=(.*)$", read(".env.example"), re.M)
    assert dict(lines) == DEFAULTS
    uncommented = tmp_path / ".env"
    uncommented.write_text(re.sub(r"^#(?=[A-Z][A-Z0-9_]+=)", "", read(".env.example"), flags=re.M), encoding="utf-8")
    assert load({}, uncommented) == load({}, None)


# ------------------------------------------------------------------ commands


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, set[str]]]:
    """Each command with its arguments, as it is typed, and its options."""
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, *path, name)
        return
    arguments = [each.name.upper() for each in command.params if isinstance(each, click.Argument) and each.name]
    options = {name for each in command.params if isinstance(each, click.Option) for name in each.opts}
    yield " ".join([*path, *arguments]), options


def test_the_configuration_page_lists_every_command_with_its_options() -> None:
    rows = re.findall(r"^\| `(tasktracker [^`]+)` \| (.*?) ?\| \S", read("docs/configuration.md"), re.M)
    listed = [(command, set(re.findall(r"`(-[\w-]+)`", options))) for command, options in rows]
    assert sorted(listed) == sorted(commands(cli.main, "tasktracker"))


# ----------------------------------------------------------------- reference


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    nowhere = load({"DATABASE_URL": "memory://", "SECRET_KEYS": "not used to sign anything at all"}, None)
    document: dict[str, Any] = create_app(Container(settings=nowhere)).litestar.state.openapi()
    return document


def test_the_api_guide_lists_every_operation_with_its_statuses(openapi: dict[str, Any]) -> None:
    rows = re.findall(r"^\| `([A-Z]+) (/\S+)` \| .+ \| ([0-9, ]+) \|$", read("docs/api.md"), re.M)
    listed = {(method, path.rstrip("/")): statuses.split(", ") for method, path, statuses in rows}
    assert listed == {
        (method.upper(), path): sorted(operation["responses"])
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    }
    assert len(rows) == len(listed)


def test_the_api_guide_explains_every_problem(openapi: dict[str, Any]) -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| \S", read("docs/api.md"), re.M)
    statuses = {kind.slug: status_of(kind) for kind in kinds() if kind is not DomainError} | {
        slug: number for number, (slug, _) in PROTOCOL.items()
    }
    assert {slug: int(number) for slug, number in rows} == {slug: statuses[slug] for slug, _ in rows}
    described = {
        slug
        for operations in openapi["paths"].values()
        for operation in operations.values()
        for response in operation["responses"].values()
        for slug in re.findall(r"`([a-z-]+)`:", response["description"])
    }
    assert described | {slug for slug, _ in PROTOCOL.values()} | {"busy"} <= {slug for slug, _ in rows}


@pytest.mark.parametrize(("heading", "view"), [("Tasks", TaskView), ("Categories", CategoryView)])
def test_the_api_guide_lists_every_field(heading: str, view: type[msgspec.Struct]) -> None:
    section = read("docs/api.md").split(f"\n## {heading}\n")[1]
    table = section[: section.index("\n\n", section.index("\n| "))]
    assert fields_in(table) == set(view.__struct_fields__)


def test_the_page_of_exports_lists_every_field() -> None:
    rows = re.findall(r"^\| `(task|category)` \| (.*) \|$", read("docs/export-import.md"), re.M)
    assert {type_: set(re.findall(r"`(\w+)`", cell)) for type_, cell in rows} == {
        "task": set(ndjson._TASK),
        "category": set(ndjson._CATEGORY),
    }


def test_the_readme_shows_the_output_of_make_help() -> None:
    shown = next(text for _, text in BLOCK.findall(read("README.md")) if text.startswith("Usage: make"))
    result = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert shown == result.stdout


def test_the_hooks_of_pre_commit_run_the_commands_of_make_check() -> None:
    hooks = re.findall(r"^ +entry: (.+)$", read(".pre-commit-config.yaml"), re.M)
    result = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/.stamp-dev", "check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert hooks == result.stdout.splitlines()


def test_the_readme_shows_the_output_of_the_demonstration() -> None:
    assert next(text for form, text in BLOCK.findall(read("README.md")) if form == "console") == TRANSCRIPT


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_have_a_target(page: str) -> None:
    text = BLOCK.sub("", read(page))
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        found = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        assert found.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{page} links to {target}"


@cache
def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", path.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# ------------------------------------------------------------------ examples


def run(page: str, folder: Path) -> Iterator[tuple[re.Match[str], str]]:
    """Run the examples of a page that call the API, in one shell; yield each with its output."""
    examples = [each for each in EXAMPLE.finditer(read(page)) if re.search(r"\bcurl\b|^API=", each["script"], re.M)]
    assert examples
    server = Server(folder)
    server.environment = {"PORT": str(server.port)}  # the defaults that a new user gets
    with server:
        script = "".join(f"{each['script']}printf '{SEPARATOR}'\n" for each in examples)
        result = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input=script.replace("http://127.0.0.1:8000", server.url),
            cwd=folder,
            # `python3` of the user may be a script that chooses a version.
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert result.returncode == 0, result.stderr
    yield from zip(examples, result.stdout.split(SEPARATOR)[:-1], strict=True)


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_examples_give_the_output_on_the_page(page: str, tmp_path: Path) -> None:
    for example, output in run(page, tmp_path):
        if example["form"] == "json":
            require_match(json.loads(example["shown"]), json.loads(output), example["script"])
        elif example["form"] == "http":
            head, _, body = example["shown"].partition("\n\n")
            actual_head, _, actual_body = output.replace("\r\n", "\n").partition("\n\n")
            for line in head.splitlines():
                assert any(matches(line.lower(), each.lower()) for each in actual_head.splitlines()), (line, output)
            if body.strip():
                require_match(json.loads(body), json.loads(actual_body), example["script"])
            else:
                assert not actual_body.strip(), output


def require_match(shown: Any, actual: Any, where: str) -> None:
    """Require that the output matches the page. "…" matches anything; as a key, it matches any number of fields."""
    if isinstance(shown, dict) and isinstance(actual, dict):
        if "…" not in shown:
            assert list(shown) == list(actual), where
        for name in shown.keys() - {"…"}:
            assert name in actual, (where, actual)
            if name != "expires_in":  # counts down
                require_match(shown[name], actual[name], where)
    elif isinstance(shown, list) and isinstance(actual, list):
        assert len(shown) == len(actual), (where, actual)
        for left, right in zip(shown, actual, strict=True):
            require_match(left, right, where)
    elif shown != "…":
        assert matches(shown, actual), (where, shown, actual)


def matches(shown: Any, actual: Any) -> bool:
    if not (isinstance(shown, str) and isinstance(actual, str)):
        return bool(shown == actual and type(shown) is type(actual))
    pattern = ".*".join(re.escape(masked(part)) for part in shown.split("…"))
    return re.fullmatch(pattern, masked(actual)) is not None


def masked(text: str) -> str:
    """Return the text without the ids and times, which differ in every run."""
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>", text)
    return re.sub(r"\b20[23]\d-\d\d-\d\dt\d\d:\d\d:\d\d(\.\d+)?z", "<time>", text, flags=re.I)
