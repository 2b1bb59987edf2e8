"""The browser app against the API: which operations it calls, and why it does not call the others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasktracker.entrypoints.http.web_files import contents
from tests.http import Api

BY_SYNC = "edits are mutations of `POST /api/sync`, which also work offline"
ARRIVES = "arrives with the changes of the sync"
LINK = "the page of the link does it, at `/link/`"

EXCEPTIONS = {
    **dict.fromkeys(["createTask", "replaceTask", "editTask", "deleteTask", "undoChange", "restoreTask"], BY_SYNC),
    **dict.fromkeys(["createCategory", "replaceCategory", "editCategory", "deleteCategory"], BY_SYNC),
    **dict.fromkeys(["createReminder", "deleteReminder", "editNotification", "readNotifications"], BY_SYNC),
    **dict.fromkeys(["listTasks", "listCategories", "listReminders", "listNotifications"], ARRIVES),
    **dict.fromkeys(["verifyEmail", "resetPassword"], LINK),
    "verify": "the app finds out by its next request",
    "createTicket": "the app reads the stream with the header of the session",
    "live": "for the supervisor of the process",
    "explainProblem": "the app has its own texts",
}
"""The operations that the app does not call, with the reason."""

CALL = re.compile(r"""["'](GET|POST|PUT|PATCH|DELETE)["'], ?["'`](/[^"'`]*)""")
GET = re.compile(r"""\bfetch\(`\$\{BASE\}([^"'`]*)|\b(?:stream\(|(?:TRASH|EXPORT) = |return )["'`](/[^"'`]*)""")
SIGN_IN = re.compile(r'#signIn\("([^"]*)"')


def called() -> Iterator[tuple[str, str]]:
    """Return the methods and paths that the code contains, with `{}` for inserted values."""
    for name, content in contents().items():
        if not name.endswith(".js") or name.startswith("vendor/"):
            continue
        text = content.decode()
        # Paths of either type of item.
        text = "\n".join(
            text.replace("${PATHS[type]}", each).replace("${PATHS.task}", "/tasks")
            for each in ("/tasks", "/categories")
        )
        yield from ((method, path) for method, path in CALL.findall(text))
        yield from (("POST", path) for path in SIGN_IN.findall(text))
        yield from (("GET", path or other) for path, other in GET.findall(text))


def normal(path: str) -> str:
    """Return a path as both sides write it: without a query, and with `{}` for parameters."""
    path = re.sub(r"(\$\{query\(.*|\$\{from.*|\?.*)$", "", path)
    path = re.sub(r"\$?\{[^}]*\}", "{}", path).rstrip("/") or "/"
    return path.removeprefix("/api") or "/"


def test_the_app_calls_every_operation_or_there_is_a_reason(api: Api) -> None:
    document = api.get("/schema/openapi.json").json()
    operations = {
        (method.upper(), normal(path)): each["operationId"]
        for path, methods in document["paths"].items()
        for method, each in methods.items()
        if method in ("get", "post", "put", "patch", "delete")
    }
    calls = {operations.get((method, normal(path)), f"{method} {path}") for method, path in called()}
    unknown = {each for each in calls if " " in each}
    missing = sorted(set(operations.values()) - calls)
    table = {name: EXCEPTIONS.get(name, "no reason") for name in missing}
    assert table == dict(sorted(EXCEPTIONS.items()))
    assert unknown == set()
