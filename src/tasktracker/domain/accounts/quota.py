"""How much a user owns, and the quotas on it."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

from tasktracker.domain.kernel.errors import QuotaExceeded


@dataclass(frozen=True, slots=True)
class Usage:
    """What a user owns, or by how much it changes: tasks and categories, and the UTF-8 bytes of the tasks' texts.

    Tasks in the trash count until they are purged.
    """

    tasks: int = 0
    categories: int = 0
    bytes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.tasks + other.tasks, self.categories + other.categories, self.bytes + other.bytes)

    def __neg__(self) -> Usage:
        return Usage(-self.tasks, -self.categories, -self.bytes)


@dataclass(frozen=True, slots=True)
class Quotas:
    """The most that a user may own. None means no limit or, in the quotas of one user, the limit of the service."""

    tasks: int | None = None
    categories: int | None = None
    bytes: int | None = None

    def otherwise(self, defaults: Quotas) -> Quotas:
        """Return these quotas, with the values of `defaults` instead of None."""
        chosen = zip(astuple(self), astuple(defaults), strict=True)
        return Quotas(*(default if own is None else own for own, default in chosen))


UNLIMITED = Quotas()
_MEASURES = tuple(field.name for field in fields(Usage))


def require_within(quotas: Quotas, usage: Usage, change: Usage) -> None:
    """Raise QuotaExceeded if a change has increased the usage to more than a quota.

    An account may already own more, because the quota was lowered. Changes that add nothing are still allowed.
    """
    for name in _MEASURES:
        limit = getattr(quotas, name)
        if limit is not None and getattr(change, name) > 0 and getattr(usage, name) > limit:
            raise QuotaExceeded(name, limit)
