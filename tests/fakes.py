"""Fakes of the adapters: exact, fast, and stricter than the real ones."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar
from uuid import UUID

from dependency_injector.providers import BaseSingleton

from tasktracker.adapters.calendar.rules import DateutilCalendarRules
from tasktracker.adapters.characters import RegexCharacters
from tasktracker.adapters.memory.rate_limiter import MemoryRateLimiter
from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.domain.accounts.session import SessionPolicy
from tasktracker.domain.accounts.session_service import LoggedIn
from tasktracker.domain.accounts.token import TokenClaims, TokenKind, TokenPair
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import AuthEvent
from tasktracker.domain.api_tokens.service import MAX_API_TOKENS
from tasktracker.domain.deliveries.delivery import Letter
from tasktracker.domain.kernel.actors import Actor, ActorT, SessionActor, SystemActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InvalidToken, NotAuthenticated
from tasktracker.domain.kernel.members import MAX_MEMBERS
from tasktracker.domain.work import Storage, UnitOfWork
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.settings import Settings, load

START = datetime(2026, 3, 1, 12, tzinfo=UTC)

SYSTEM = SystemActor("test")

CHARACTERS = RegexCharacters()
CALENDAR = DateutilCalendarRules()

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")

_series = count(1)
_free: list[tuple[Container, Sequence[BaseSingleton[Any]]]] = []
"""Containers that no `App` uses, with their singletons: finding these takes longer than many tests."""


class ManualClock:
    """A clock that stops until a test moves it."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)

    def advance(self, by: timedelta | None = None, **units: float) -> None:
        """Move forward by a duration or by units, as in `advance(minutes=5)`."""
        self._now += by if by is not None else timedelta(**units)


class SequentialIds:
    """Ascending UUIDv7 ids. Generators with different `series` never make the same id."""

    def __init__(self, series: int = 0) -> None:
        milliseconds = int(START.timestamp() * 1000) + series
        self._base = milliseconds << 80 | 0x7 << 76 | 0b10 << 62
        self._count = count(1)

    def new(self) -> UUID:
        return UUID(int=self._base | next(self._count))


class WatchedStore:
    """A store that records whether the calling thread has a unit of work open."""

    def __init__(self, store: Storage) -> None:
        self._store = store
        self._thread = threading.local()

    @property
    def is_open(self) -> bool:
        return bool(getattr(self._thread, "open", False))

    @contextmanager
    def reading(self, actor: ActorT) -> Iterator[UnitOfWork[ActorT]]:
        with self._store.reading(actor) as work, self._watch():
            yield work

    @contextmanager
    def snapshot(self, actor: ActorT) -> Iterator[UnitOfWork[ActorT]]:
        with self._store.snapshot(actor) as work, self._watch():
            yield work

    @contextmanager
    def writing(self, actor: ActorT) -> Iterator[UnitOfWork[ActorT]]:
        with self._store.writing(actor) as work, self._watch():
            yield work

    def get_or_create_secret(self, name: str) -> bytes:
        return self._store.get_or_create_secret(name)

    def filter_admissible(self, actors: Collection[Actor]) -> Collection[Actor]:
        return self._store.filter_admissible(actors)

    def rotate_secret(self, name: str) -> bytes:
        return self._store.rotate_secret(name)

    def ready(self) -> None:
        self._store.ready()

    def close(self) -> None:
        self._store.close()

    @contextmanager
    def _watch(self) -> Iterator[None]:
        self._thread.open = True
        try:
            yield
        finally:
            self._thread.open = False


class FakeHasher:
    """Cheap hashes. Records the calls, and fails while a unit of work is open.

    `cost` represents the parameters: when it rises, earlier hashes need a rehash.
    """

    def __init__(self, store: WatchedStore | None = None, cost: int = 1) -> None:
        self.cost = cost
        self.hashed: list[str] = []
        self.verified: list[tuple[str, str | None]] = []
        self._store = store
        self._salts = count(1)

    def hash(self, password: str) -> str:
        self._require_no_open_work()
        self.hashed.append(password)
        return self._hash(password, str(self.cost), str(next(self._salts)))

    def verify(self, password: str, password_hash: str | None) -> bool:
        self._require_no_open_work()
        self.verified.append((password, password_hash))
        if password_hash is None:
            return False
        _, cost, salt, _ = password_hash.split("$")
        return password_hash == self._hash(password, cost, salt)

    def needs_rehash(self, password_hash: str) -> bool:
        return password_hash.split("$")[1] != str(self.cost)

    def clear(self) -> None:
        """Delete the recorded calls."""
        self.hashed.clear()
        self.verified.clear()

    @staticmethod
    def _hash(password: str, cost: str, salt: str) -> str:
        digest = hashlib.sha256(f"{cost}${salt}${password}".encode()).hexdigest()
        return f"fake${cost}${salt}${digest}"

    def _require_no_open_work(self) -> None:
        assert self._store is None or not self._store.is_open, "hashing while a unit of work is open"


class FakeStrength:
    """Calls a password weak if it contains "weak" or a guess about the user. Records the guesses."""

    def __init__(self) -> None:
        self.guesses: list[tuple[str, ...]] = []

    def weakness(self, password: str, guesses: Sequence[str]) -> str | None:
        self.guesses.append(tuple(guesses))
        if "weak" in password:
            return "it is weak"
        if any(guess.casefold() in password.casefold() for guess in guesses):
            return "it contains your name"
        return None


class FakeSigner:
    """Readable tokens with a checksum, which expire without a leeway."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def sign(self, claims: TokenClaims) -> str:
        values = (
            claims.kind.value,
            claims.user_id.hex,
            claims.session_id.hex,
            str(claims.generation),
            str(int(claims.issued_at.timestamp())),
            str(int(claims.expires_at.timestamp())),
        )
        body = ".".join(values)
        return f"{body}.{hashlib.sha256(body.encode()).hexdigest()[:16]}"

    def read(self, token: str, *, expired: bool = False) -> TokenClaims:
        try:
            kind, user, session, generation, issued, expires, _ = token.split(".")
            claims = TokenClaims(
                kind=TokenKind(kind),
                user_id=UUID(user),
                session_id=UUID(session),
                generation=int(generation),
                issued_at=datetime.fromtimestamp(int(issued), UTC),
                expires_at=datetime.fromtimestamp(int(expires), UTC),
            )
        except (ValueError, OverflowError):
            raise InvalidToken from None
        if self.sign(claims) != token:
            raise InvalidToken
        if not expired and claims.expires_at <= self._clock.now():
            raise InvalidToken
        return claims


class FakeCodes:
    """Readable one-time codes, in the form of `canonical_code`: the secret and the time step."""

    def new_secret(self) -> str:
        return "SECRET"

    def provisioning_uri(self, secret: str, account: str) -> str:
        return f"otpauth://totp/{account}?secret={secret}"

    def step(self, secret: str, code: str, now: datetime) -> int | None:
        current = int(now.timestamp()) // 30
        return next((step for step in (current, current - 1, current + 1) if code == self.code(secret, step)), None)

    def code(self, secret: str, step: int) -> str:
        return f"{secret}{step}".lower()


class FakeCipher:
    """Readable encryption. Each cipher has a number, and opens secrets sealed with the same or a lower number."""

    def __init__(self, number: int = 1) -> None:
        self.number = number

    def seal(self, secret: str) -> str:
        return f"{self.number}:{secret}"

    def open(self, sealed: str) -> str:
        number, _, secret = sealed.partition(":")
        if int(number) > self.number:
            raise ValueError(sealed)
        return secret

    def is_current(self, sealed: str) -> bool:
        return sealed.startswith(f"{self.number}:")


class FakeMailer:
    """Records the letters. `failures` are raised one after the other; None is no failure."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.letters: list[Letter] = []
        self.on_send: Callable[[], object] = lambda: None
        self.closed = 0

    def send(self, letter: Letter) -> None:
        self.letters.append(letter)
        self.on_send()
        failure = self.failures.pop(0) if self.failures else None
        if failure:
            raise failure

    def check(self) -> str:
        return "it is a fake"

    def close(self) -> None:
        self.closed += 1


class RecordingAuditLog:
    def __init__(self) -> None:
        self.events: list[AuthEvent] = []

    def write(self, event: AuthEvent) -> None:
        self.events.append(event)


@cache
def _settings(**variables: str) -> Settings:
    return load({"DATABASE_URL": "memory://", **variables}, None)


def _new_container() -> tuple[Container, Sequence[BaseSingleton[Any]]]:
    container = Container()
    return container, tuple(container.traverse(types=[BaseSingleton]))


class Service(Generic[Result]):
    """A service of an `App`, built on first use: a test uses few of them."""

    def __init__(self, provider: Callable[..., Result]) -> None:
        pass

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, app: App, _: type) -> Result:
        built: Result = getattr(app.container, self._name)()
        app.__dict__[self._name] = built
        return built


class App:
    """The services of the container, with a store and with fakes of all other adapters."""

    throttle = Service(Container.throttle)
    recorder = Service(Container.recorder)
    confirmation = Service(Container.confirmation)
    two_factor = Service(Container.two_factor)
    reencryption = Service(Container.reencryption)
    sessions = Service(Container.sessions)
    registration = Service(Container.registration)
    administration = Service(Container.administration)
    account_processes = Service(Container.account_processes)
    service_administration = Service(Container.service_administration)
    audited = Service(Container.audited)
    registration_mode = Service(Container.registration_mode)
    invites = Service(Container.invites)
    accounts = Service(Container.accounts)
    emails = Service(Container.emails)
    courier = Service(Container.courier)
    delivery_administration = Service(Container.delivery_administration)
    password_reset = Service(Container.password_reset)
    api_tokens = Service(Container.api_tokens)
    activity = Service(Container.activity)
    tasks = Service(Container.tasks)
    categories = Service(Container.categories)
    trash = Service(Container.trash)
    reminders = Service(Container.reminders)
    notifications = Service(Container.notifications)
    preferences = Service(Container.preferences)
    firing = Service(Container.firing)
    reminder_letters = Service(Container.reminder_letters)
    history = Service(Container.history)
    sharing = Service(Container.sharing)
    category_sharing = Service(Container.category_sharing)
    acceptance = Service(Container.acceptance)
    invitation_limit = Service(Container.invitation_limit)
    category_removal = Service(Container.category_removal)
    account_removal = Service(Container.account_removal)
    imports = Service(Container.imports)
    sync = Service(Container.sync)
    pushing = Service(Container.pushing)
    housekeeping = Service(Container.housekeeping)
    jobs = Service(Container.jobs)

    def __init__(
        self,
        store: Storage,
        clock: ManualClock,
        policy: SessionPolicy | None = None,
        *,
        throttled: bool = False,
        api_token_limit: int = MAX_API_TOKENS,
        member_limit: int = MAX_MEMBERS,
        mail: bool = False,
    ) -> None:
        mail_settings = {
            "MAIL_URL": "smtp://relay.example.org",
            "MAIL_FROM": "tasks@example.org",
            "PUBLIC_URL": "https://tasks.example.org",
        }
        settings = _settings(
            THROTTLE="on" if throttled else "off",
            API_TOKENS_PER_USER=str(api_token_limit),
            MEMBERS_PER_TASK=str(member_limit),
            **(mail_settings if mail else {}),
        )
        # Copying the providers of the class takes longer than many tests, so a later `App` uses the copy again.
        container, singletons = _free.pop() if _free else _new_container()
        weakref.finalize(self, _free.append, (container, singletons))
        for provider in container.providers.values():
            provider.reset_override()
        for singleton in singletons:
            singleton.reset()
        container.settings.override(settings)
        self.store = WatchedStore(store)
        self.clock = clock
        # A separate series: in a shared database, events without a user are kept after a test.
        self.ids = SequentialIds(series=next(_series))
        self.policy = policy or SessionPolicy()
        self.audit_log = RecordingAuditLog()
        self.signer = FakeSigner(clock)
        self.hasher = FakeHasher(self.store)
        self.strength = FakeStrength()
        self.limiter = MemoryRateLimiter()
        self.codes = FakeCodes()
        self.cipher = FakeCipher()
        self.mailer = FakeMailer()
        for provider, fake in (
            (container.store, self.store),
            (container.clock, clock),
            (container.shared_clock, clock),
            (container.ids, self.ids),
            (container.session_policy, self.policy),
            (container.signer, self.signer),
            (container.passwords, self.hasher),
            (container.strength, self.strength),
            (container.limiter, self.limiter),
            (container.one_time_codes, self.codes),
            (container.secret_cipher, self.cipher),
            (container.mailer, self.mailer if mail else None),
        ):
            provider.override(fake)
        self.container = container

    def set_active(self, work: UnitOfWork[SystemActor], login: str, is_active: bool) -> User:
        """Enable or disable a user, as the command does."""
        user_id = self.administration.named(work, login)
        return self.administration.edit(work, user_id, {"is_active": is_active}).user

    def do(
        self,
        actor: ActorT,
        use_case: Callable[Concatenate[UnitOfWork[ActorT], Parameters], Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run a use case in a unit of work that writes."""
        with self.store.writing(actor) as work:
            return use_case(work, *args, **kwargs)

    def see(
        self,
        actor: ActorT,
        use_case: Callable[Concatenate[UnitOfWork[ActorT], Parameters], Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run a use case in a unit of work that reads."""
        with self.store.reading(actor) as work:
            return use_case(work, *args, **kwargs)

    @classmethod
    def in_memory(cls, *, throttled: bool = False, **policy: Any) -> App:
        """Build services on an empty store, with these changes of the default session policy."""
        clock = ManualClock()
        app = cls(
            MemoryStore(clock, SequentialIds(), audit_log := RecordingAuditLog()),
            clock,
            SessionPolicy(**policy),
            throttled=throttled,
        )
        app.audit_log = audit_log
        return app

    def actor(self, signed_in: LoggedIn | TokenPair) -> SessionActor:
        """Return the actor of this access token."""
        tokens = signed_in.tokens if isinstance(signed_in, LoggedIn) else signed_in
        claims = self.signer.read(tokens.access)
        return SessionActor(claims.user_id, claims.session_id, claims.generation)

    def is_usable(self, tokens: TokenPair) -> bool:
        """Whether any of the tokens is still accepted."""
        for call, token in (
            (self.sessions.verify, tokens.access),
            (self.sessions.verify, tokens.refresh),
            (self.sessions.refresh, tokens.refresh),
        ):
            with suppress(NotAuthenticated):
                call(token)
                return True
        return False
