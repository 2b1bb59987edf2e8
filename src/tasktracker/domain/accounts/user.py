"""A user: an account with its profile."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, TypedDict
from uuid import UUID

from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.fields import (
    Editable,
    EditableFields,
    Refused,
    case_key,
    optional,
    require_storable,
    text,
)
from tasktracker.domain.kernel.languages import DEFAULT_LANGUAGE, Language
from tasktracker.domain.kernel.time_zones import DEFAULT_TIME_ZONE, known_time_zone

MIN_USERNAME_LENGTH, MAX_USERNAME_LENGTH = 3, 150
USERNAME_PUNCTUATION = ".+-_"
MAX_EMAIL_LENGTH = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
EMAIL_SPECIALS = frozenset('()<>[]:;\\,"')  # RFC 5322 §3.2.3: they separate or quote addresses
MAX_PERSON_NAME_LENGTH = 150
MAX_MARKS = 4  # on one letter (UTS #39 §5.4)


class UserFields(TypedDict, total=False):
    """The profile fields that a user may set; an absent field is left unchanged."""

    username: str
    email: str | None
    first_name: str
    last_name: str
    time_zone: str
    language: Language


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account. `version` grows by one with every change, so that no concurrent change is lost."""

    id: UUID
    username: Annotated[str, Editable(canonical_username, new=require_distinct_username)]
    email: Annotated[str | None, Editable(optional(canonical_email), new=require_no_ignorable)] = None
    first_name: Annotated[str, Editable(text(longest=MAX_PERSON_NAME_LENGTH, trim=True))] = ""
    last_name: Annotated[str, Editable(text(longest=MAX_PERSON_NAME_LENGTH, trim=True))] = ""
    time_zone: Annotated[str, Editable(known_time_zone)] = DEFAULT_TIME_ZONE
    language: Annotated[Language, Editable()] = DEFAULT_LANGUAGE
    pending_email: str | None = None
    """If mail is configured, a new address that is not verified yet. Until then, `email` is the former address or
    None."""
    email_verified_at: datetime | None = None
    is_admin: bool = False
    is_active: bool = True
    password_hash: str = field(repr=False)
    created_at: datetime
    version: int = 1

    @property
    def verified_email(self) -> str | None:
        """The address to which mails may be sent."""
        return self.email if self.email_verified_at is not None else None

    @property
    def unverified_email(self) -> str | None:
        """The address that is to be verified next."""
        return self.pending_email or (self.email if self.email_verified_at is None else None)

    def edit(self, fields: UserFields, *, is_mail_on: bool = False, keeps_pending: bool = True) -> User:
        """Return the user with these (checked) profile fields, or the same object if they change nothing.

        With `is_mail_on`, a new address is pending until it is verified. Without a new address, `keeps_pending` decides
        whether an address stays pending.
        """
        edited = replace(self, **fields)
        if not keeps_pending:
            edited = replace(edited, pending_email=None)
        if edited.email != self.email:
            edited = replace(edited, pending_email=None, email_verified_at=None)
            if is_mail_on and edited.email is not None:
                edited = replace(
                    edited, email=self.email, pending_email=edited.email, email_verified_at=self.email_verified_at
                )
        return self._changed(edited)

    def with_verified_email(self, address: str, now: datetime) -> User:
        """Return the user with this verified address."""
        return self._changed(replace(self, email=address, email_verified_at=now, pending_email=None))

    def with_password(self, password_hash: str) -> User:
        """Return the user with another password."""
        return self._changed(replace(self, password_hash=password_hash))

    def activated(self, is_active: bool) -> User:
        """Return the user after enabling them, or disabling them if `is_active` is False."""
        return self._changed(replace(self, is_active=is_active))

    def promoted(self, is_admin: bool) -> User:
        """Return the user as an administrator, or not as one if `is_admin` is False."""
        return self._changed(replace(self, is_admin=is_admin))

    def _changed(self, other: User) -> User:
        return self if other == self else replace(other, version=self.version + 1)


def canonical_username(value: str) -> str:
    """A username in canonical form. It never contains `@`, so it never equals an e-mail address."""
    require_storable(value)
    value = _nfkc(value.strip())
    if not MIN_USERNAME_LENGTH <= len(value) <= MAX_USERNAME_LENGTH:
        raise Refused(f"must be {MIN_USERNAME_LENGTH} to {MAX_USERNAME_LENGTH} characters long")
    is_letter = False  # or a mark on one
    for character in value:
        if is_letter and unicodedata.category(character) in ("Mn", "Mc"):
            continue
        is_letter = character.isalpha()
        if not character.isalnum() and character not in USERNAME_PUNCTUATION:
            raise Refused(f"may contain letters with their marks, digits and {USERNAME_PUNCTUATION} only")
    return value


def require_distinct_username(value: str, characters: Characters) -> None:
    """Refuse a username that can be made to look like another one.

    It has no fillers (RFC 8264 §9.13), no mixture of scripts that imitates letters (UTS #39 §5.2), and no marks on top
    of one another (§5.4).
    """
    require_no_ignorable(value, characters)
    if not characters.is_highly_restrictive(value):
        raise Refused("must be written in one script; only Latin may be mixed with Chinese, Japanese or Korean")
    marks: list[str] = []
    for character in unicodedata.normalize("NFD", value):
        marks = [*marks, character] if unicodedata.category(character) == "Mn" else []
        if len(marks) > MAX_MARKS or len(set(marks)) < len(marks):
            raise Refused(f"must not have the same mark twice or more than {MAX_MARKS} marks on one letter")


def require_no_ignorable(value: str, characters: Characters) -> None:
    """Refuse invisible characters, such as fillers and joiners."""
    if characters.has_ignorable(value):
        raise Refused("must not contain invisible characters")


def canonical_email(value: str) -> str | None:
    """An e-mail address. Only its form is checked, not that it exists.

    A blank value means none, because clients send it for an empty form field.
    """
    require_storable(value)
    value = _nfkc(value.strip())
    if not value:
        return None
    local, at, domain = value.rpartition("@")
    shaped = at and local and "@" not in local and "." in domain and ".." not in domain
    if not shaped or any(each.isspace() or not each.isprintable() or each in EMAIL_SPECIALS for each in value):
        raise Refused("must be an e-mail address, as in name@example.org")
    if domain.startswith((".", "-")) or domain.endswith((".", "-")):
        raise Refused("must be an e-mail address, as in name@example.org")
    if len(value) > MAX_EMAIL_LENGTH:
        raise Refused(f"must be at most {MAX_EMAIL_LENGTH} characters long")
    return value


def _nfkc(value: str) -> str:
    return unicodedata.normalize("NFKC", value)


USER = EditableFields[UserFields](User)

username_key = case_key
email_key = case_key
