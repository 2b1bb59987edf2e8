"""Every operation of the API, with accepted and refused values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.http import OTHER_PASSWORD, PASSWORD

SERVED = {
    "/api": {"GET"},
    "/api/accounts/register": {"POST"},
    "/api/accounts/login": {"POST"},
    "/api/accounts/refresh": {"POST"},
    "/api/accounts/verify": {"POST"},
    "/api/accounts/logout": {"POST"},
    "/api/accounts/sessions": {"GET", "DELETE"},
    "/api/accounts/sessions/{id}": {"DELETE"},
    "/api/accounts/me": {"GET", "PATCH"},
    "/api/accounts/me/password": {"POST"},
    "/api/accounts/me/confirm": {"POST"},
    "/api/accounts/password/reset": {"POST"},
    "/api/accounts/password/forgot": {"POST"},
    "/api/accounts/email/verify": {"POST"},
    "/api/accounts/email/verification": {"POST"},
    "/api/accounts/me/deliveries": {"GET"},
    "/api/accounts/me/delete": {"POST"},
    "/api/accounts/me/totp": {"GET", "POST"},
    "/api/accounts/me/totp/recovery-codes": {"POST"},
    "/api/accounts/me/totp/confirm": {"POST"},
    "/api/accounts/me/totp/disable": {"POST"},
    "/api/accounts/me/activity": {"GET"},
    "/api/accounts/tokens": {"GET", "POST"},
    "/api/accounts/tokens/{id}": {"DELETE"},
    "/api/accounts/me/export": {"GET"},
    "/api/accounts/me/import": {"POST"},
    "/api/accounts/me/imports": {"GET"},
    "/api/accounts/me/imports/{id}": {"GET"},
    "/api/accounts/me/imports/{id}/lines": {"GET"},
    "/api/tasks": {"GET", "POST"},
    "/api/tasks/{id}": {"GET", "PUT", "PATCH", "DELETE"},
    "/api/tasks/{id}/history": {"GET"},
    "/api/tasks/{id}/restore": {"POST"},
    "/api/tasks/{id}/reminders": {"GET", "POST"},
    "/api/tasks/{id}/reminders/{reminder_id}": {"DELETE"},
    "/api/notifications": {"GET"},
    "/api/notifications/{id}": {"PATCH"},
    "/api/notifications/read": {"POST"},
    "/api/accounts/me/notifications": {"GET", "PATCH"},
    "/api/tasks/{id}/shares": {"GET", "POST"},
    "/api/tasks/{id}/shares/{user_id}": {"PUT", "DELETE"},
    "/api/categories/{id}/shares": {"GET", "POST"},
    "/api/categories/{id}/shares/{user_id}": {"PUT", "DELETE"},
    "/api/tasks/{id}/undo": {"POST"},
    "/api/trash": {"GET"},
    "/api/trash/{id}": {"DELETE"},
    "/api/sync": {"GET", "POST"},
    "/api/sync/digest": {"GET"},
    "/api/sync/digest/{bucket}": {"GET"},
    "/api/events": {"GET"},
    "/api/events/tickets": {"POST"},
    "/api/categories": {"GET", "POST"},
    "/api/categories/{id}": {"GET", "PUT", "PATCH", "DELETE"},
    "/api/admin/users": {"GET", "POST"},
    "/api/admin/users/{id}": {"GET", "PATCH", "DELETE"},
    "/api/admin/users/{id}/password-reset": {"POST"},
    "/api/admin/users/{id}/disable-two-factor": {"POST"},
    "/api/admin/users/{id}/end-sessions": {"POST"},
    "/api/admin/invites": {"GET", "POST"},
    "/api/admin/invites/{id}": {"DELETE"},
    "/api/admin/deliveries": {"GET"},
    "/api/admin/deliveries/{id}/retry": {"POST"},
    "/api/admin/deliveries/{id}/cancel": {"POST"},
    "/api/admin/settings": {"GET", "PATCH"},
    "/api/admin/activity": {"GET"},
    "/api/admin/overview": {"GET"},
    "/health/live": {"GET"},
    "/health/ready": {"GET"},
    "/problems/{slug}": {"GET"},
}
PUBLIC = {
    "/api/accounts/register",
    "/api/accounts/login",
    "/api/accounts/refresh",
    "/api/accounts/verify",
    "/api/accounts/logout",
    "/api/accounts/password/reset",
    "/api/accounts/password/forgot",
    "/api/accounts/email/verify",
}
ROUTES = [(method, path) for path, methods in SERVED.items() for method in sorted(methods)]
PROTECTED = [(method, path) for method, path in ROUTES if path.startswith("/api/") and path not in PUBLIC]
# An endless response, and one that is never the same: both have separate tests.
STREAM, TICKETS = ("GET", "/api/events"), ("POST", "/api/events/tickets")
LOGOUT = "/api/accounts/logout"

# JSON texts: Python values cannot express all of these.
NOT_TEXT = ["1", "1.5", "true", "[]", "{}", '["x"]']
UNSTORABLE = [r'"a\u0000b"', r'"\u0000"', r'"\ud800"', r'"a\udfffb"', r'"\udc00\ud800"']
NOT_INTEGER = ["true", "false", '"1"', '"x"', '""', "1.5", "[]", "{}", "1e400", "-1e400", "1e-400"]
NOT_COUNT = [each for each in NOT_INTEGER if each != "1e-400"]  # which is read as 0
NOT_SWITCH = ["1", "0", '"true"', '""', "[]", "{}"]
HUGE = [str(2**31), str(2**63), str(2**64), "-1", str(-(2**63) - 1), "1" + "0" * 400, "-1" + "0" * 400]
NOT_DATE = [
    *NOT_TEXT,
    '""',
    '"tomorrow"',
    '"2026-02-29"',
    '"2026-13-01"',
    '"2026-3-1"',
    '"20260301"',
    '"2026-W09-7"',
    '"2026-03-01T12:00:00Z"',
    '"2026-03-01 "',
    '"\uff12\uff10\uff12\uff16-03-01"',
    '"10000-01-01"',
    '"0000-01-01"',
]
NOT_TIME = [
    *NOT_TEXT,
    '""',
    '"tomorrow"',
    '"2026-03-01"',
    '"12:00:00Z"',
    '"2026-03-01T12:00:00"',
    '"2026-03-01 12:00:00"',
    '"2026-03-01T12:00:00.5"',
    '"2026-13-01T12:00:00Z"',
    '"2026-02-29T12:00:00Z"',
    '"2026-03-01T25:00:00Z"',
    '"2026-03-01T12:00Z"',
    '"2026-03-01T12:00:00+25:00"',
    '"2026-03-01T12:00:00Z "',
    '"\uff12\uff10\uff12\uff16-03-01T12:00:00Z"',
    '"9999-12-31T23:59:59-14:00"',
    '"0001-01-01T00:00:00+14:00"',
    '"10000-01-01T00:00:00Z"',
    '"+002026-03-01T12:00:00Z"',
    r'"2026-03-01T12:00:00Z\u0000"',
    r'"\ud800"',
]
NOT_ID = [
    *NOT_TEXT,
    '""',
    '"x"',
    '"none"',
    '"0"',
    '"urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057"',
    '"{01890a5d-ac96-774b-bcce-b302099a8057}"',
    '"0\uff11890a5d-ac96-774b-bcce-b302099a8057"',
    '"01890a5d-ac96-774b-bcce-b302099a805"',
    '"01890a5d-ac96-774b-bcce-b302099a8057 "',
    r'"01890a5d-ac96-774b-bcce-b302099a8057\u0000"',
    r'"\ud800"',
]
NULL = ["null"]

LONG = [json.dumps("x" * 201), json.dumps("\U0001f4a5" * 201)]
TITLE = [*NOT_TEXT, *UNSTORABLE, *LONG, '""', '" "', r'"\t\r\n"', '"\u3000"']
DESCRIPTION = [*NOT_TEXT, *UNSTORABLE, json.dumps("x" * 10_001)]
PRIORITY = [*NOT_INTEGER, *HUGE, "0", "5", "2.5"]
STATE = [*NOT_TEXT, *UNSTORABLE, '""', '"OPEN"', '"someday"', '"open "', '"0"']
VERSION = [*NOT_INTEGER, "0", "-1", str(-(2**63) - 1)]
NAME = [*NOT_TEXT, *UNSTORABLE, '""', '" "', json.dumps("x" * 65)]
NOT_COLOR = [*NOT_TEXT, *UNSTORABLE, '""', '"red"', '"#12345"']
COLOR = [*NOT_COLOR, '"#1234567"', '"#\uff11\uff12\uff13\uff14\uff15\uff16"', r'"#12345\u0000"', r'"#123456\n"']
USERNAME = [*NOT_TEXT, *UNSTORABLE, '""', '"ab"', '"a b"', '"a@b"', json.dumps("x" * 151)]
LONG_EMAIL = json.dumps("x" * 254 + "@a.b")
EMAIL = [*NOT_TEXT, *UNSTORABLE, LONG_EMAIL, '"x"', r'"a\u0000b@example.org"', r'"\ud800@example.org"']
PERSONAL_NAME = [*NOT_TEXT, *UNSTORABLE, json.dumps("x" * 151)]
TIME_ZONE = [*NOT_TEXT, *UNSTORABLE, '""', '"Mars/X"', r'"UTC\u0000"', '"/etc/passwd"']
LANGUAGE = [*NOT_TEXT, *UNSTORABLE, '""', '"EN"', '"fr"', '"en-US"']
SECRET = [*NOT_TEXT, *UNSTORABLE, json.dumps("x" * 1025)]
NEW_SECRET = [*NOT_TEXT, *UNSTORABLE, '"short"', json.dumps("xY7#" * 33)]
TOKEN = NOT_TEXT
CODE = [*NOT_TEXT, *UNSTORABLE, json.dumps("1" * 65)]
DEVICE = [*NOT_TEXT, *UNSTORABLE, json.dumps("x" * 201)]
UNKNOWN_USER = [
    *NOT_TEXT,
    *UNSTORABLE,
    '""',
    '"unknown"',
    '"two words"',
    '"{username}"',
    '"a@example.org"',
    json.dumps("x" * 5000),
]
ROLE = [*NOT_TEXT, *UNSTORABLE, '""', '"owner"', '"Viewer"', '"admin"']
HOUR = [*NOT_COUNT, "-1", "24", "8.5", *HUGE]
DURATION = [
    *NOT_TEXT,
    *UNSTORABLE,
    '""',
    '"P"',
    '"PT"',
    '"P1DT"',
    '"-P1D"',
    '"P1Y"',
    '"P1W"',
    '"PT1S"',
    '"P1.5D"',
    '"P367D"',
]
DURATION += [
    '"P1D "',
    '"p1d"',
    '"P\uff11D"',
    '"PT0"',
    '"1H"',
    '"P99999999999999999999D"',
    json.dumps("P" + "1" * 5000 + "D"),
]

# Placeholders of the paths below, and their names in the description.
PARAMETERS = {"task": "id", "notification": "id", "category": "id", "new": "id", "account": "id", "member": "user_id"}


@dataclass(frozen=True)
class Operation:
    """A request that succeeds, and the refused values of each field."""

    name: str
    method: str
    path: str
    good: dict[str, Any]
    bad: dict[str, list[str]]
    nullable: frozenset[str] = field(default=frozenset())
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def template(self) -> str:
        """The path as in the description."""
        return re.sub(r"\{(\w+)\}", lambda match: f"{{{PARAMETERS[match[1]]}}}", self.path).rstrip("/")

    def values(self, name: str) -> list[str]:
        """The refused values of a field."""
        return self.bad[name] if name in self.nullable else [*self.bad[name], *NULL]

    def body(self, **raw: str) -> bytes:
        """Return the good body with these fields replaced by JSON texts."""
        fields = {name: json.dumps(value) for name, value in self.good.items()} | raw
        return ("{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in fields.items()) + "}").encode()


TASK = {
    "title": TITLE,
    "description": DESCRIPTION,
    "priority": PRIORITY,
    "state": STATE,
    "start_on": NOT_DATE,
    "due_on": NOT_DATE,
    "due_date": NOT_TIME,
    "category": NOT_ID,
    "parent": NOT_ID,
}
CATEGORY = {"name": NAME, "description": [*NOT_TEXT, *UNSTORABLE, json.dumps("x" * 1001)], "color": COLOR}
PROFILE = {
    "username": USERNAME,
    "email": EMAIL,
    "first_name": PERSONAL_NAME,
    "last_name": PERSONAL_NAME,
    "time_zone": TIME_ZONE,
    "language": LANGUAGE,
}
GOOD_TASK = {
    "title": "changed",
    "description": "changed",
    "priority": 4,
    "state": "done",
    "start_on": "2000-01-01",
    "due_date": "2000-01-01T00:00:00Z",
}
GOOD_CATEGORY = {"name": "changed", "description": "changed", "color": "#123456"}
CLEARED = frozenset({"start_on", "due_on", "due_date", "category", "parent"})
CREATE = {"If-None-Match": "*"}

OPERATIONS = [
    Operation("create-task", "POST", "/api/tasks/", GOOD_TASK, TASK, CLEARED),
    Operation("replace-task", "PUT", "/api/tasks/{task}/", GOOD_TASK, TASK | {"version": VERSION}, CLEARED),
    Operation(
        "put-new-task", "PUT", "/api/tasks/{new}/", GOOD_TASK, TASK | {"version": VERSION}, CLEARED, headers=CREATE
    ),
    Operation("edit-task", "PATCH", "/api/tasks/{task}/", GOOD_TASK, TASK | {"version": VERSION}, CLEARED),
    Operation("undo-change", "POST", "/api/tasks/{task}/undo/", {"change": "{change}"}, {"change": NOT_ID}),
    Operation(
        "share-task",
        "POST",
        "/api/tasks/{task}/shares/",
        {"username": "{other}", "role": "viewer"},
        {"username": UNKNOWN_USER, "role": ROLE},
    ),
    Operation("assign-role", "PUT", "/api/tasks/{task}/shares/{member}/", {"role": "editor"}, {"role": ROLE}),
    Operation(
        "share-category",
        "POST",
        "/api/categories/{category}/shares/",
        {"username": "{other}", "role": "viewer"},
        {"username": UNKNOWN_USER, "role": ROLE},
    ),
    Operation(
        "assign-category-role",
        "PUT",
        "/api/categories/{category}/shares/{member}/",
        {"role": "editor"},
        {"role": ROLE},
    ),
    Operation(
        "push-mutations",
        "POST",
        "/api/sync/",
        {"mutations": []},
        {"cursor": [*NOT_TEXT, '""', '"x"'], "atomic": ["1", '"true"']},
        frozenset({"cursor"}),
    ),
    Operation("create-category", "POST", "/api/categories/", GOOD_CATEGORY, CATEGORY, frozenset({"color"})),
    Operation(
        "replace-category",
        "PUT",
        "/api/categories/{category}/",
        GOOD_CATEGORY,
        CATEGORY | {"version": VERSION},
        frozenset({"color"}),
    ),
    Operation(
        "put-new-category",
        "PUT",
        "/api/categories/{new}/",
        GOOD_CATEGORY,
        CATEGORY | {"version": VERSION},
        frozenset({"color"}),
        headers=CREATE,
    ),
    Operation(
        "edit-category",
        "PATCH",
        "/api/categories/{category}/",
        GOOD_CATEGORY,
        CATEGORY | {"version": VERSION},
        frozenset({"color"}),
    ),
    Operation(
        "register",
        "POST",
        "/api/accounts/register/",
        {"username": "{name}", "password": PASSWORD},
        PROFILE | {"password": NEW_SECRET, "password2": [*NOT_TEXT, *UNSTORABLE, '"other"']},
        frozenset({"email"}),
    ),
    Operation(
        "login",
        "POST",
        "/api/accounts/login/",
        {"username": "{username}", "password": PASSWORD},
        {"username": SECRET, "password": SECRET, "device": DEVICE},
        frozenset({"device"}),
    ),
    Operation(
        "edit-profile",
        "PATCH",
        "/api/accounts/me/",
        {"first_name": "changed", "password": PASSWORD},
        PROFILE | {"password": [*SECRET, '"wrong"']},
        frozenset({"email"}),
    ),
    Operation(
        "change-password",
        "POST",
        "/api/accounts/me/password/",
        {"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
        {"current_password": [*SECRET, '"wrong"'], "new_password": NEW_SECRET},
    ),
    Operation(
        "confirm-password",
        "POST",
        "/api/accounts/me/confirm/",
        {"password": PASSWORD},
        {"password": [*SECRET, '"wrong"'], "code": CODE},
        frozenset({"code"}),
    ),
    Operation(
        "delete-account",
        "POST",
        "/api/accounts/me/delete/",
        {"password": PASSWORD, "transfer_to": "bob"},
        {"password": [*SECRET, '"wrong"'], "transfer_to": [*NOT_TEXT, *UNSTORABLE, '""', json.dumps("x" * 151)]},
    ),
    Operation(
        "create-api-token",
        "POST",
        "/api/accounts/tokens/",
        {"name": "script", "scopes": ["tasks:read"], "password": PASSWORD},
        {
            "password": [*SECRET, '"wrong"'],
            "name": [*NOT_TEXT, *UNSTORABLE, '""', '" "', json.dumps("x" * 101)],
            "scopes": ["null", "1", '"tasks:read"', "[]", '["tasks"]', "[1]", "{}"],
            "expires_at": [*NOT_TIME, '"2000-01-01T00:00:00Z"'],
        },
        frozenset({"expires_at"}),
    ),
    Operation(
        "enrol-two-factor",
        "POST",
        "/api/accounts/me/totp/",
        {"password": PASSWORD},
        {"password": [*SECRET, '"wrong"']},
    ),
    Operation(
        "admin-create-user",
        "POST",
        "/api/admin/users/",
        {"username": "{name}"},
        {name: values for name, values in PROFILE.items() if name != "language"}
        | {"password": NEW_SECRET, "is_admin": NOT_SWITCH},
        frozenset({"email"}),
    ),
    Operation(
        "admin-edit-user",
        "PATCH",
        "/api/admin/users/{account}/",
        {"is_active": True},
        {
            "username": USERNAME,
            "email": EMAIL,
            "is_active": NOT_SWITCH,
            "is_admin": NOT_SWITCH,
            "max_tasks": [*NOT_COUNT, "-1", str(2**53)],
            "max_categories": [*NOT_COUNT, "-1", str(2**63)],
            "max_bytes": [*NOT_COUNT, "-1", "1" + "0" * 400],
        },
        frozenset({"email", "max_tasks", "max_categories", "max_bytes"}),
    ),
    Operation(
        "admin-create-invite",
        "POST",
        "/api/admin/invites/",
        {"note": "for someone"},
        {
            "note": [*NOT_TEXT, *UNSTORABLE, json.dumps("x" * 201)],
            "address": EMAIL,
            "uses_left": [*NOT_INTEGER, "0", "1001"],
            "expires_at": [*NOT_TIME, '"2000-01-01T00:00:00Z"'],
        },
        frozenset({"address"}),
    ),
    Operation(
        "admin-edit-settings",
        "PATCH",
        "/api/admin/settings/",
        {"registration": "open"},
        {"registration": [*NOT_TEXT, *UNSTORABLE, '""', '"OPEN"', '"shut"']},
    ),
    Operation(
        "create-reminder",
        "POST",
        "/api/tasks/{task}/reminders/",
        {"at": "9998-01-01T00:00:00Z"},
        {"at": [*NOT_TIME, '"2000-01-01T00:00:00Z"'], "before": DURATION},
        frozenset({"before"}),
    ),
    Operation("edit-notification", "PATCH", "/api/notifications/{notification}/", {"read": True}, {"read": NOT_SWITCH}),
    Operation(
        "edit-preferences",
        "PATCH",
        "/api/accounts/me/notifications/",
        {"reminder_hour": 8, "summary_hour": 7},
        {"reminder_hour": HOUR, "reminder_mails": NOT_SWITCH, "summary_hour": HOUR},
        frozenset({"summary_hour"}),
    ),
    Operation("refresh", "POST", "/api/accounts/refresh/", {"refresh": "{refresh}"}, {"refresh": TOKEN}),
    Operation("verify", "POST", "/api/accounts/verify/", {"token": "{refresh}"}, {"token": TOKEN}),
    Operation("logout", "POST", LOGOUT, {"refresh": "{refresh}"}, {"refresh": TOKEN}),
]
