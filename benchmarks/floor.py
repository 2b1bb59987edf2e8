"""The floor: what the server does, written by hand for the requests of the benchmark and for no others.

No framework, no ORM, no container and no layers. Served by the same uvicorn with the same settings, on as many threads,
it checks the same tokens by PyJWT, runs the same statements in the same transactions, and answers the same bytes under
the same headers (`benchmarks.check` compares). What it leaves out is what those requests do not use: other routes,
methods, filters and fields, the naming of every mistake, HEAD and OPTIONS, idempotency keys, throttling, and replacing
connections that broke.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID, uuid4, uuid5

import jwt
import msgspec
import uvicorn
from msgspec import UNSET, Meta, Struct, UnsetType
from uuid_utils.compat import uuid7

from benchmarks.floor_storage import Postgres, Sqlite
from tasktracker.adapters.security.keys import KeyRing
from tasktracker.entrypoints import settings

PREFIX = "/api/tasks/"
WINDOW = timedelta(days=30)
SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
TAG = re.compile(rb'"([1-9][0-9]{0,18})(\.o)?"')
EVERYWHERE = [
    (b"vary", b"Origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]

Headers = list[tuple[bytes, bytes]]


class Claims(Struct, frozen=True, forbid_unknown_fields=True):
    """What a token says."""

    iss: str
    aud: str
    sub: UUID
    sid: UUID
    gen: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    jti: UUID
    iat: int
    exp: int


class TaskBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a task that may be sent."""

    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=1, le=4)] | UnsetType = UNSET
    state: Literal["open", "in_progress", "done", "cancelled"] | UnsetType = UNSET


class RefreshBody(Struct, forbid_unknown_fields=True):
    """A refresh token."""

    refresh: str


class TaskData(Struct):
    """A task as devices keep it."""

    id: Any
    title: str
    description: str
    priority: int
    state: str
    due_date: datetime | None
    category: Any
    parent: Any
    owners: list[Any]
    created_by: Any
    created_at: datetime | None
    updated_at: datetime | None
    completed_at: datetime | None
    version: int


class TaskView(Struct):
    """A task as it is answered."""

    id: Any
    title: str
    description: str
    priority: int
    state: str
    due_date: datetime | None
    is_overdue: bool
    category: Any
    parent: Any
    owners: list[Any]
    created_by: Any
    created_at: datetime | None
    updated_at: datetime | None
    completed_at: datetime | None
    version: int


class Position(Struct, array_like=True):
    """Where a list goes on."""

    at: datetime
    after: dict[str, Any]


class SyncCursor(Struct):
    """How far a device has come."""

    epoch: bytes
    sequence: int
    began: int
    since: datetime


class Call(NamedTuple):
    """A request that was let in."""

    claims: Claims
    headers: dict[bytes, bytes]
    query: bytes
    body: bytes
    task_id: str


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status


class Floor:
    """The ASGI application."""

    def __init__(self) -> None:
        loaded = settings.load()
        ring = KeyRing(loaded.secret_keys)
        self._keys = {(kid, typ): ring.key(kid, typ) for kid in ring.ids for typ in ("at+jwt", "rt+jwt")}
        self._kid = ring.signing
        self._waiting: dict[str, list[asyncio.Event]] = {}
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(loaded.database_connections)
        kind = Sqlite if loaded.database_url.startswith("sqlite:") else Postgres
        self._storage = kind(loaded.database_url, lambda user: self._loop.call_soon_threadsafe(self._wake, user))
        self._sql = self._storage.sql
        with self._storage.reading() as cursor:
            (self._secret,) = cursor.execute(self._sql.secret, {"name": "cursors"}).fetchone()
        self._routes: dict[tuple[str, str], Callable[[Call], tuple[int, bytes | None, Headers]]] = {
            ("GET", "/api/tasks"): self.list_tasks,
            ("POST", "/api/tasks"): self.create_task,
            ("GET", PREFIX): self.get_task,
            ("PATCH", PREFIX): self.edit_task,
            ("GET", "/api/accounts/me"): self.profile,
            ("POST", "/api/accounts/refresh"): self.refresh,
            ("GET", "/api/sync"): self.pull,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            return await self._lifespan(receive, send)
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"")
        if not SANE_REQUEST_ID.fullmatch(request_id):
            request_id = uuid4().hex.encode()
        body: bytes | None
        try:
            status, body, extra = await self._answer(scope, headers, receive)
        except Refused as refused:
            status, extra = refused.status, []
            body = msgspec.json.encode({"title": str(refused), "status": status})
        if body is not None:
            extra += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        extra += [(b"x-request-id", request_id), *EVERYWHERE]
        await send({"type": "http.response.start", "status": status, "headers": extra})
        await send({"type": "http.response.body", "body": body or b""})
        return None

    async def _answer(self, scope: Any, headers: dict[bytes, bytes], receive: Any) -> tuple[int, bytes | None, Headers]:
        method, path, task_id = scope["method"], scope["path"].rstrip("/"), ""
        if path.startswith(PREFIX):
            path, task_id = PREFIX, path[len(PREFIX) :]
        handler = self._routes.get((method, path))
        if handler is None:
            raise Refused(404, "not found")
        claims: Any = None
        if path != "/api/accounts/refresh":
            scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
            if scheme.lower() != "bearer":
                raise Refused(401, "not authenticated")
            claims = self._read(token.strip(), "at+jwt")
        body = b""
        if method != "GET":
            if headers.get(b"content-type", b"").partition(b";")[0] != b"application/json":
                raise Refused(415, "unsupported media type")
            more = True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
        call = Call(claims, headers, scope["query_string"], body, task_id)
        return await self._loop.run_in_executor(self._pool, handler, call)

    # -------------------------------------------------------------------------------------------------- requests

    def list_tasks(self, call: Call) -> tuple[int, bytes | None, Headers]:
        """Answer the first page of the list."""
        user_id, limit, now = call.claims.sub, _limit(dict(parse_qsl(call.query.decode())), {"limit"}), _now()
        with self._reading(call.claims) as cursor:
            parameters = {"user_id": self._storage.id(user_id), "limit": limit + 1}
            rows = cursor.execute(self._sql.tasks, parameters).fetchall()
        views = [self._view(row, user_id, now) for row in rows[:limit]]
        headers: Headers = []
        following = None
        if len(rows) > limit:
            after = {"value": views[-1].created_at, "id": views[-1].id}
            following = self._seal(Position(now, after), f"{user_id} /api/tasks ")
            headers.append((b"link", f'</api/tasks?limit={limit}&cursor={following}>; rel="next"'.encode()))
        return 200, msgspec.json.encode({"results": views, "next_cursor": following}), headers

    def get_task(self, call: Call) -> tuple[int, bytes | None, Headers]:
        """Answer one task, or that it is still as it was."""
        task_id = _id(call.task_id)
        with self._reading(call.claims) as cursor:
            row = cursor.execute(self._sql.task, {"id": self._storage.id(task_id)}).fetchone()
        view = self._view(self._visible(row, call.claims.sub), call.claims.sub, _now())
        tag = _etag(view)
        if tag in [each.strip() for each in call.headers.get(b"if-none-match", b"").split(b",")]:
            return 304, None, [(b"etag", tag)]
        return 200, msgspec.json.encode(view), [(b"etag", tag)]

    def create_task(self, call: Call) -> tuple[int, bytes | None, Headers]:
        """Create a task."""
        fields = {"description": "", "priority": 2, "state": "open", **_fields(call.body)}
        if "title" not in fields:
            raise Refused(400, "a title is required")
        with self._writing(call.claims) as cursor:
            now, task_id, user_id = _now(), uuid7(), call.claims.sub
            done = now if fields["state"] == "done" else None
            row = (
                *(task_id, fields["title"], fields["description"], fields["priority"], fields["state"]),
                *(None, None, None, task_id, "", user_id, now, now, done, None, None, 1),
            )
            id_, user, at = self._storage.id(task_id), self._storage.id(user_id), self._storage.moment(now)
            stored = dict(zip(NAMES, row, strict=True)) | {"id": id_, "root": id_, "created_by": user}
            stored |= {"created_at": at, "updated_at": at, "completed_at": done and at, **_searched(fields)}
            cursor.execute(self._sql.add_task, stored)
            cursor.execute(self._sql.add_entry, stored)
            changed = {name: (None, fields[name]) for name in ("title", "description", "priority", "state")}
            self._record(cursor, "create", call.claims, stored, changed)
            view = _view(row, user_id, _now())
            body = msgspec.json.encode(view)
        self._storage.told(call.claims.sub)
        return 201, body, [(b"etag", _etag(view)), (b"location", f"{PREFIX}{task_id}/".encode())]

    def edit_task(self, call: Call) -> tuple[int, bytes | None, Headers]:
        """Change the fields that are sent."""
        task_id, fields, match = _id(call.task_id), _fields(call.body), call.headers.get(b"if-match")
        with self._writing(call.claims) as cursor:
            parameters = {"id": self._storage.id(task_id)}
            self._visible(cursor.execute(self._sql.task, parameters).fetchone(), call.claims.sub)
            row = cursor.execute(self._sql.lock_task, parameters).fetchone()
            task = dict(zip(NAMES, self._visible(row, call.claims.sub, editing=True), strict=True))
            if match is not None and str(task["version"]).encode() not in [tag for tag, _ in TAG.findall(match)]:
                raise Refused(412, "changed meanwhile")
            changed = {name: (task[name], value) for name, value in fields.items() if task[name] != value}
            if changed:
                now = self._storage.moment(max(_now(), self._storage.read_moment(task["updated_at"]) or _now()))
                task |= fields | {"updated_at": now, "version": task["version"] + 1}
                if "state" in changed:
                    task["completed_at"] = now if fields["state"] == "done" else None
                stored = task | _searched(task)
                if cursor.execute(self._sql.save_task, stored).rowcount != 1:
                    raise Refused(412, "changed meanwhile")
                cursor.execute(self._sql.save_entries, stored)
                self._record(cursor, "edit", call.claims, stored, changed)
            view = self._view(tuple(task.values()), call.claims.sub, _now())
            body = msgspec.json.encode(view)
        self._storage.told(call.claims.sub)
        return 200, body, [(b"etag", _etag(view))]

    def profile(self, call: Call) -> tuple[int, bytes | None, Headers]:
        """Answer the caller's account."""
        with self._reading(call.claims) as cursor:
            row = cursor.execute(self._sql.profile, {"id": self._storage.id(call.claims.sub)}).fetchone()
        if row is None:
            raise Refused(401, "the session has ended")
        view = {
            "id": call.claims.sub,
            **dict(zip(("username", "email", "first_name", "last_name", "time_zone"), row[1:6], strict=True)),
            "is_admin": bool(row[6]),
            "created_at": self._storage.read_moment(row[9]),
        }
        return 200, msgspec.json.encode(view), []

    def pull(self, call: Call) -> tuple[int, bytes | None, Headers]:
        """Answer what has changed."""
        user_id, query = call.claims.sub, dict(parse_qsl(call.query.decode()))
        limit, bound = _limit(query, {"limit", "cursor"}), f"{call.claims.sub} sync category,task"
        place = self._unseal(query["cursor"], bound) if "cursor" in query else None
        with self._reading(call.claims) as cursor:
            now = _now()
            parameters = {"user_id": self._storage.id(user_id)}
            head, epoch = cursor.execute(self._sql.feed_state, parameters).fetchone()
            place = place or SyncCursor(epoch, 0, head or 0, now)
            if place.epoch != epoch or place.sequence > (head or 0) or now > place.since + WINDOW:
                raise Refused(410, "cursor expired")
            parameters |= {"after": place.sequence, "began": place.began, "limit": limit + 1}
            rows = cursor.execute(self._sql.feed_page, parameters).fetchall()
        changes = []
        for _, _, type_, id_, version, op, reason, *item in rows[:limit]:
            data: Any = None
            if item[0] is not None:
                data = _data(self._loaded(item[:17]), self._storage.answered(user_id))
            elif type_ == "category":
                raise Refused(400, "no categories here")
            item_id = self._storage.read_id(id_)
            changes.append({"type": type_, "id": item_id, "op": op, "version": version, "data": data, "reason": reason})
        has_more = len(rows) > limit
        reached = rows[:limit][-1][0] if rows else place.sequence
        following = SyncCursor(place.epoch, reached, place.began, place.since if has_more else now)
        answer = {
            "changes": changes,
            "next_cursor": self._seal(following, bound),
            "has_more": has_more,
            "cursor_valid_until": following.since + WINDOW,
        }
        return 200, msgspec.json.encode(answer), []

    def refresh(self, call: Call) -> tuple[int, bytes | None, Headers]:
        """Exchange a refresh token for its successors."""
        claims = self._read(_decode(call.body, RefreshBody).refresh, "rt+jwt")
        id_, load = self._storage.id(claims.sid), self._storage.read_moment
        with self._storage.writing() as cursor:
            now = _now()
            row = cursor.execute(self._sql.lock_session, {"id": id_}).fetchone()
            if row is None or row[1] != self._storage.id(claims.sub) or now >= min(load(row[7]), load(row[8])):  # type: ignore[type-var]
                raise Refused(401, "the session has ended")
            # A predecessor that is presented again is more than the benchmark asks for.
            if claims.gen != row[3]:
                raise Refused(401, "the session has ended")
            generation, idle_until = row[3] + 1, now + timedelta(days=14)
            values = {"id": id_, "generation": generation, "confirmed": row[3]}
            values |= {"rotated_at": self._storage.moment(now), "idle_until": self._storage.moment(idle_until)}
            cursor.execute(self._sql.save_session, values)
        ends = min(idle_until, load(row[8]))  # type: ignore[type-var]
        until = min(now + timedelta(minutes=15), ends)
        answer = {
            "access": self._sign(claims, generation, "access", now, until),
            "refresh": self._sign(claims, generation, "refresh", now, ends),
            "token_type": "Bearer",
            "expires_in": max(0, int((until - _now()).total_seconds())),
        }
        return 200, msgspec.json.encode(answer), []

    # ---------------------------------------------------------------------------------------------------- tokens

    def _read(self, token: str, typ: str) -> Claims:
        if len(token) > 2048 or not COMPACT.fullmatch(token):
            raise Refused(401, "invalid token")
        try:
            header = jwt.get_unverified_header(token)
            if header["typ"] != typ:
                raise Refused(401, "invalid token")
            payload = jwt.decode(
                token,
                self._keys[header["kid"], typ],
                algorithms=["HS256"],
                issuer="tasktracker",
                audience="tasktracker",
                leeway=5,
                options={"require": list(Claims.__struct_fields__)},
            )
            return msgspec.convert(payload, Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise Refused(401, "invalid token") from error

    def _sign(self, of: Claims, generation: int, kind: str, now: datetime, until: datetime) -> str:
        typ = {"access": "at+jwt", "refresh": "rt+jwt"}[kind]
        issued_at = int(now.timestamp())
        payload = {
            "iss": "tasktracker",
            "aud": "tasktracker",
            "sub": str(of.sub),
            "sid": str(of.sid),
            "gen": generation,
            "jti": str(uuid5(of.sid, f"{kind} {generation} {issued_at}")),
            "iat": issued_at,
            "exp": int(until.timestamp()),
        }
        headers = {"typ": typ, "kid": self._kid}
        return jwt.encode(payload, self._keys[self._kid, typ], algorithm="HS256", headers=headers)

    def _seal(self, position: object, bound: str) -> str:
        payload = msgspec.msgpack.encode(position)
        return urlsafe_b64encode(self._mac(payload, bound) + payload).rstrip(b"=").decode()

    def _unseal(self, text: str, bound: str) -> SyncCursor:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if urlsafe_b64encode(sealed).rstrip(b"=").decode() != text or not hmac.compare_digest(
            sealed[:16], self._mac(sealed[16:], bound)
        ):
            raise Refused(400, "not a cursor of this list")
        return msgspec.msgpack.decode(sealed[16:], type=SyncCursor)

    def _mac(self, payload: bytes, bound: str) -> bytes:
        return hmac.digest(self._secret, hashlib.sha256(bound.encode()).digest() + payload, "sha256")[:16]

    # -------------------------------------------------------------------------------------------------- the work

    @contextmanager
    def _reading(self, claims: Claims) -> Iterator[Any]:
        with self._storage.reading() as cursor:
            if self._admit(cursor, claims) < claims.gen:
                self._confirm(claims)
            yield cursor

    @contextmanager
    def _writing(self, claims: Claims) -> Iterator[Any]:
        with self._storage.writing() as cursor:
            if self._admit(cursor, claims) < claims.gen:
                parameters = {"session_id": self._storage.id(claims.sid), "confirmed": claims.gen}
                cursor.execute(self._sql.confirm, parameters)
            yield cursor

    def _admit(self, cursor: Any, claims: Claims) -> int:
        parameters = {
            "session_id": self._storage.id(claims.sid),
            "user_id": self._storage.id(claims.sub),
            "generation": claims.gen,
            "now": self._storage.moment(_now()),
        }
        row = cursor.execute(self._sql.admit, parameters).fetchone()
        if row is None:
            raise Refused(401, "the session has ended")
        return int(row[0])

    def _confirm(self, claims: Claims) -> None:
        with self._storage.writing() as cursor:
            parameters = {"session_id": self._storage.id(claims.sid), "confirmed": claims.gen}
            cursor.execute(self._sql.confirm, parameters)

    def _record(
        self, cursor: Any, action: str, claims: Claims, stored: dict[str, Any], changed: dict[str, Any]
    ) -> None:
        """Write down what was changed: in the history, and in the feed of the only one who sees it."""
        user_id = self._storage.id(claims.sub)
        change = {
            **{name: stored[name] for name in ("id", "updated_at", "version")},
            "change_id": self._storage.id(uuid7()),
            "action": action,
            "actor": user_id,
            "session_id": self._storage.id(claims.sid),
            "fields": msgspec.json.encode(changed).decode(),
        }
        cursor.execute(self._sql.add_change, change)
        sequence, _ = cursor.execute(self._sql.advance, {"user_id": user_id}).fetchone()
        place = {"user_id": user_id, "id": stored["id"], "sequence": sequence, "version": stored["version"]}
        cursor.execute(self._sql.place, place | {"now": self._storage.moment(_now())})

    def _visible(self, row: Any, user_id: UUID, *, editing: bool = False) -> Any:
        if row is None or row[14] is not None:
            raise Refused(404, "not found")
        if row[10] != self._storage.id(user_id):
            if f"{user_id}:" not in row[9]:
                raise Refused(404, "not found")
            if editing and f"{user_id}:editor" not in row[9]:
                raise Refused(403, "not allowed")
        return row

    def _view(self, row: Any, user_id: UUID, now: datetime) -> TaskView:
        return _view(self._loaded(row), self._storage.answered(user_id), now)

    def _loaded(self, row: Any) -> Any:
        """Return a row of a task with its ids and moments read."""
        if isinstance(self._storage, Postgres):
            return row
        (id_, title, description, priority, state, due, category, parent, root, members, by, *moments) = row
        created, updated, completed, trashed, trashed_with, version = moments
        load, read = self._storage.read_id, self._storage.read_moment
        return (
            *(load(id_), title, description, priority, state, read(due), load(category), load(parent), load(root)),
            *(members, load(by), read(created), read(updated), read(completed), read(trashed), load(trashed_with)),
            version,
        )

    # ---------------------------------------------------------------------------------------------------- events

    def _wake(self, user_id: str) -> None:
        for event in self._waiting.get(user_id, ()):
            event.set()

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._pool.shutdown()
        await send({"type": "lifespan.shutdown.complete"})


NAMES = (
    *("id", "title", "description", "priority", "state", "due_date", "category", "parent", "root", "members"),
    *("created_by", "created_at", "updated_at", "completed_at", "trashed_at", "trashed_with", "version"),
)
"""The columns of a task, in the order in which they are selected."""


def _view(row: Any, me: Any, now: datetime) -> TaskView:
    (id_, title, description, priority, state, due, category, parent, _, members, by, *moments, _, _, version) = row
    overdue = due is not None and due < now and state not in ("done", "cancelled")
    category = category if by == me else None
    owners = _owners(by, members)
    return TaskView(
        id_, title, description, priority, state, due, overdue, category, parent, owners, by, *moments, version
    )


def _data(row: Any, me: Any) -> TaskData:
    (id_, title, description, priority, state, due, category, parent, _, members, by, *moments, _, _, version) = row
    category = category if by == me else None
    owners = _owners(by, members)
    return TaskData(id_, title, description, priority, state, due, category, parent, owners, by, *moments, version)


def _owners(by: Any, members: str) -> list[Any]:
    return [by, *(each[:36] for each in members.split() if each.endswith(":editor"))] if members else [by]


def _etag(view: TaskView) -> bytes:
    return b'"%d.o"' % view.version if view.is_overdue else b'"%d"' % view.version


def _fields(body: bytes) -> dict[str, Any]:
    sent = msgspec.structs.asdict(_decode(body, TaskBody))
    fields = {name: value for name, value in sent.items() if value is not UNSET}
    if "title" in fields:
        fields["title"] = fields["title"].strip()
        if not 1 <= len(fields["title"]) <= 200:
            raise Refused(400, "the title is too long, or empty")
    if len(fields.get("description", "")) > 10_000:
        raise Refused(400, "the description is too long")
    if any("\0" in value for value in fields.values() if isinstance(value, str)):
        raise Refused(400, "NUL cannot be stored")
    return fields


def _decode(body: bytes, type_: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(400, "invalid body") from error


def _limit(query: dict[str, str], known: set[str]) -> int:
    limit = query.get("limit", "100")
    if query.keys() - known or not limit.isdecimal() or not 1 <= int(limit) <= 200:
        raise Refused(400, "invalid parameters")
    return int(limit)


def _id(text: str) -> UUID:
    try:
        return msgspec.convert(text, UUID)
    except msgspec.ValidationError as error:
        raise Refused(400, "not an id") from error


def _searched(task: dict[str, Any]) -> dict[str, str]:
    title_key = _folded(task["title"])
    return {"title_key": title_key, "search": f"{title_key}\n{_folded(task['description'])}"}


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    """Serve, configured as the server is."""
    loaded = settings.load()
    uvicorn.run(
        "benchmarks.floor:Floor",
        factory=True,
        host=loaded.host,
        port=loaded.port,
        workers=loaded.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()
