"""Having an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasktracker.domain.accounts.password import PASSWORD_SHORTEST, credential, new_password
from tasktracker.domain.accounts.ports import PasswordHasher, PasswordStrength
from tasktracker.domain.accounts.session_service import SessionService, SignedIn
from tasktracker.domain.accounts.user import USER_RULES, User, UserFields
from tasktracker.domain.errors import FieldError, InvalidInput, SessionEnded, UserNotFound
from tasktracker.domain.fields import Refused, Rule, check
from tasktracker.domain.work import Actor, Clock, IdGenerator, Store, UnitOfWork


class AccountService:
    """Accounts, from registration to removal, as their owners and the administrators of the service see them."""

    def __init__(
        self,
        *,
        store: Store,
        sessions: SessionService,
        passwords: PasswordHasher,
        strength: PasswordStrength,
        clock: Clock,
        ids: IdGenerator,
        shortest_password: int = PASSWORD_SHORTEST,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._passwords = passwords
        self._strength = strength
        self._clock = clock
        self._ids = ids
        self._choose = new_password(shortest_password)

    def register(self, fields: UserFields, password: str, repeated: str | None = None) -> SignedIn:
        """Create an account and log it in. `repeated`, where given, must be the password once more.

        Raises InvalidInput, UsernameTaken, EmailTaken.
        """
        user = self._new_user(fields, password, repeated)
        with self._store.writing(None) as work:
            work.users.add(user)
            session = self._sessions.open(work, user, device=None)
        return SignedIn(user, self._sessions.tokens_of(session))

    def create_admin(self, fields: UserFields, password: str) -> User:
        """Create an account that may administer the service. Raises like `register`."""
        user = self._new_user(fields, password, is_admin=True)
        with self._store.writing(None) as work:
            work.users.add(user)
        return user

    def set_active(self, login: str, is_active: bool) -> User:
        """Let a user act, or end all their sessions and let them act no more. Raises UserNotFound."""
        with self._store.writing(None) as work:
            found = work.users.find_by_login(login)
            user = work.users.find(found.id) if found else None
            if user is None:
                raise UserNotFound
            changed = user.activated(is_active)
            if changed is not user:
                work.users.save(changed)
            if not is_active:
                work.sessions.remove_others(user.id, keep=None)
            return changed

    def profile(self, actor: Actor) -> User:
        """Return the actor's own account."""
        with self._store.reading(actor) as work:
            return _myself(work, actor)

    def edit(self, actor: Actor, fields: UserFields, password: str | None = None) -> User:
        """Change the actor's profile. A new username or e-mail address needs the password, as one logs in with them.

        Raises InvalidInput, UsernameTaken, EmailTaken.
        """
        fields = check(USER_RULES, fields)
        verified = self._verify(actor, password, "password") if password is not None else None
        with self._store.writing(actor) as work:
            user = _myself(work, actor)
            edited = user.edit(fields)
            renamed = (edited.username, edited.email) != (user.username, user.email)
            if renamed and user.password_hash != verified:
                raise InvalidInput.of("password", "is required to change the username or the e-mail address")
            if edited is not user:
                work.users.save(edited)
            return edited

    def change_password(self, actor: Actor, current: str, new: str) -> None:
        """Choose another password, and end every other session. Raises InvalidInput."""
        user = self.profile(actor)
        fields = check(
            {"current_password": credential, "new_password": self._strong(user.username, user.email)},
            {"current_password": current, "new_password": new},
        )
        verified = self._verify(actor, fields["current_password"], "current_password")
        changed = self._passwords.hash(fields["new_password"])

        def change(work: UnitOfWork, user: User) -> None:
            work.users.save(user.with_password(changed))
            work.sessions.remove_others(user.id, keep=actor.session_id)

        self._write_as_verified(actor, verified, "current_password", change)

    def delete(self, actor: Actor, password: str) -> None:
        """Remove the actor's account and everything in it. Raises InvalidInput when the password is wrong."""
        verified = self._verify(actor, password, "password")
        self._write_as_verified(actor, verified, "password", lambda work, user: work.users.remove(user.id))

    def _new_user(
        self, fields: UserFields, password: str, repeated: str | None = None, *, is_admin: bool = False
    ) -> User:
        mismatch = [FieldError("password2", "must be the same as password")] if repeated not in (None, password) else []
        rules = USER_RULES | {"password": self._strong(fields.get("username"), fields.get("email"))}
        values: dict[str, Any] = {**fields, "password": password}
        checked = check(rules, values, required=("username",), also=mismatch)
        password_hash = self._passwords.hash(checked.pop("password"))
        return User(
            id=self._ids.new(),
            is_admin=is_admin,
            password_hash=password_hash,
            created_at=self._clock.now(),
            **checked,
        )

    def _strong(self, *guesses: str | None) -> Rule:
        def rule(value: str) -> str:
            chosen: str = self._choose(value)
            weakness = self._strength.weakness(chosen, [guess for guess in guesses if guess])
            if weakness:
                raise Refused(f"is too easy to guess: {weakness}")
            return chosen

        return rule

    def _verify(self, actor: Actor, password: str, field: str) -> str:
        """Return the actor's password hash, which the password was found to match. No work is open meanwhile."""
        password = check({field: credential}, {field: password})[field]
        password_hash = self.profile(actor).password_hash
        if not self._passwords.verify(password, password_hash):
            raise InvalidInput.of(field, "is wrong")
        return password_hash

    def _write_as_verified(
        self, actor: Actor, verified: str, field: str, write: Callable[[UnitOfWork, User], None]
    ) -> None:
        with self._store.writing(actor) as work:
            user = _myself(work, actor)
            if user.password_hash != verified:
                raise InvalidInput.of(field, "is wrong")
            write(work, user)


def _myself(work: UnitOfWork, actor: Actor) -> User:
    user = work.users.find(actor.user_id)
    # The work was opened for a live session of an active user; only a removal since then can come between.
    if user is None:
        raise SessionEnded
    return user
