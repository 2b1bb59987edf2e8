"""Replacing a forgotten password by a one-time link."""

from __future__ import annotations

from dataclasses import dataclass

from tasktracker.domain.accounts.code_verifier import CodeVerifier
from tasktracker.domain.accounts.link_service import find_link, use_link
from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.accounts.password import PasswordPolicy
from tasktracker.domain.accounts.password_confirmation import CODE_NEEDED, CODE_RULES
from tasktracker.domain.accounts.ports import PasswordHasher, ResetWork
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.throttling.limit import CODE_BY_ACCOUNT, Bucket
from tasktracker.domain.throttling.throttle import Throttle

KINDS = (LinkKind.RESET_PASSWORD, LinkKind.SET_PASSWORD)


@dataclass(frozen=True, slots=True)
class ResetForm:
    """The user of a link, and whether they have to enter a code."""

    username: str
    needs_code: bool


class PasswordResetService:
    """The process that replaces a password by a one-time link. No unit of work is open while a password is hashed."""

    def __init__(
        self,
        *,
        store: Store[SystemActor, ResetWork],
        recorder: Recorder,
        passwords: PasswordHasher,
        policy: PasswordPolicy,
        verifier: CodeVerifier,
        throttle: Throttle,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._passwords = passwords
        self._policy = policy
        self._verifier = verifier
        self._throttle = throttle

    def reset(self, token: str, new_password: str, code: str | None = None, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Replace the password, end all sessions and revoke all API tokens of the link's user. No session is opened.

        If two-factor authentication is on, a code is required. A wrong code does not use up the link. Raises
        InvalidInput, TooManyRequests.
        """
        code = check(CODE_RULES, {"code": code})["code"]
        actor = SystemActor("reset a password")
        with self._store.reading(actor) as work:
            _, user = find_link(work, token, *KINDS)
            if not code and self._needs_code(work, user):
                raise InvalidInput.of("code", CODE_NEEDED)
        strong = self._policy.rule(user.username, user.email)
        chosen = check({"new_password": strong}, {"new_password": new_password})["new_password"]
        attempts = [Bucket.of(CODE_BY_ACCOUNT, str(user.id))] if code else []
        self._throttle.consume(*attempts)
        changed = self._passwords.hash(chosen)
        with self._store.writing(actor) as work:
            _, user = find_link(work, token, *KINDS)  # locks the user
            is_right = not self._needs_code(work, user) or self._is_right(work, user, code, origin)
            if is_right:
                use_link(work, token, *KINDS)
                work.users.save(user.with_password(changed))
                work.sessions.remove_others(user.id, keep=None)
                work.api_tokens.remove_all(user.id)
                self._recorder.success(work, Kind.PASSWORD_RESET, origin, user.id)
        if not is_right:
            self._recorder.failure(Kind.PASSWORD_RESET, origin, user.id)
            raise InvalidInput.of("code", "is wrong" if code else CODE_NEEDED)
        self._throttle.refund(*attempts)

    def find(self, token: str) -> ResetForm:
        """Return what the form of a link shows. The link stays valid. Raises InvalidInput for an invalid link."""
        with self._store.reading(SystemActor("show the form of a link")) as work:
            _, user = find_link(work, token, *KINDS)
            return ResetForm(user.username, self._needs_code(work, user))

    @staticmethod
    def _needs_code(work: ResetWork, user: User) -> bool:
        factor = work.second_factors.find(user.id)
        return factor is not None and factor.is_required

    def _is_right(self, work: ResetWork, user: User, code: str | None, origin: Origin) -> bool:
        factor = work.second_factors.find(user.id)
        return factor is not None and code is not None and self._verifier.spend(work, factor, code, origin)
