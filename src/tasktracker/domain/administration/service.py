"""Administering the service: its settings and invitations."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.accounts.invite_service import InviteService
from tasktracker.domain.accounts.invites import Invite, InviteFields
from tasktracker.domain.accounts.registration import Registration, RegistrationMode
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.administration.access import require_proof
from tasktracker.domain.administration.ports import AdminWork
from tasktracker.domain.kernel.actors import AdminActor
from tasktracker.domain.kernel.errors import RegistrationClosed


class ServiceAdministration:
    """Use cases on settings and invitations, for administrators and commands. Each is recorded.

    All raise ConfirmationRequired without a recent proof.
    """

    def __init__(self, *, recorder: Recorder, invites: InviteService, mode: RegistrationMode) -> None:
        self._recorder = recorder
        self._invites = invites
        self._mode = mode

    def set_registration(self, work: AdminWork, mode: Registration, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Change who may register. Raises SettingFixed if the environment sets it."""
        require_proof(work)
        self._mode.change(work, mode)
        self._recorder.by_admin(work, Kind.SETTINGS_CHANGE, origin, detail=mode.value)

    def invite(
        self, work: AdminWork, fields: InviteFields, origin: Origin = UNKNOWN_ORIGIN
    ) -> tuple[Invite, str | None]:
        """Make an invitation, and return it with its token. The token of a mailed invitation is not returned.

        Raises InvalidInput, and RegistrationClosed, because no invitation works then.
        """
        require_proof(work)
        if self._mode.current(work) is Registration.CLOSED:
            raise RegistrationClosed("Registration is closed, so no invitation works. Change it to `invite` first.")
        created_by = work.actor.user_id if isinstance(work.actor, AdminActor) else None
        invite, token = self._invites.create(work, fields, created_by)
        self._recorder.by_admin(
            work, Kind.INVITE_CREATE, origin, subject=invite.id, detail=invite.note or invite.address
        )
        return invite, token

    def revoke_invite(self, work: AdminWork, invite_id: UUID, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Revoke an invitation. Raises InviteNotFound."""
        require_proof(work)
        revoked = self._invites.revoke(work, invite_id)
        self._recorder.by_admin(
            work, Kind.INVITE_REVOKE, origin, subject=invite_id, detail=revoked.note or revoked.address
        )
