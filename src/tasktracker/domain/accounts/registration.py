"""The modes of registration: open, by invitation, or closed."""

from __future__ import annotations

from enum import StrEnum

from tasktracker.domain.accounts.registration_ports import ServiceSettingsWork
from tasktracker.domain.kernel.errors import SettingFixed


class Registration(StrEnum):
    """Whether new users may create an account."""

    OPEN = "open"
    """Without a condition."""
    INVITE = "invite"
    """With an invitation."""
    CLOSED = "closed"
    """Not at all."""


SETTING = "registration"


class RegistrationMode:
    """Use cases on the stored mode of registration. A mode that the environment sets applies instead of it."""

    def __init__(self, fixed: Registration | None = None) -> None:
        self._fixed = fixed

    @property
    def is_fixed(self) -> bool:
        """Whether the environment sets the mode."""
        return self._fixed is not None

    def current(self, work: ServiceSettingsWork) -> Registration:
        """Return the mode that applies. It does not change until the end of a unit of work that writes."""
        return self._fixed or Registration(work.service_settings.find(SETTING) or Registration.OPEN)

    def change(self, work: ServiceSettingsWork, mode: Registration) -> None:
        """Store another mode. It applies to every registration that is not yet committed. Raises SettingFixed."""
        if self.is_fixed:
            raise SettingFixed
        work.service_settings.save(SETTING, mode.value)
