"""The composition root: the only module that chooses the adapter for each port."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from threading import Event

from dependency_injector import containers, providers

from tasktracker.adapters.audit_log import StructlogAuditLog
from tasktracker.adapters.calendar.rules import DateutilCalendarRules
from tasktracker.adapters.characters import RegexCharacters
from tasktracker.adapters.events.local import LocalChangeNotifier
from tasktracker.adapters.events.polling import PollingChangeNotifier
from tasktracker.adapters.events.postgresql import PostgresChangeNotifier
from tasktracker.adapters.events.sqlite import SqliteChangeNotifier
from tasktracker.adapters.mail import urls as mail_urls
from tasktracker.adapters.mail.composer import Composer
from tasktracker.adapters.mail.folder import FolderMailer, MailFolder
from tasktracker.adapters.mail.smtp import SmtpMailer
from tasktracker.adapters.memory.rate_limiter import MemoryRateLimiter
from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.adapters.security import secret_file
from tasktracker.adapters.security.keys import KeyRing
from tasktracker.adapters.security.link_tokens import HmacLinkTokens
from tasktracker.adapters.security.one_time_codes import PyotpOneTimeCodes
from tasktracker.adapters.security.passwords import Argon2PasswordHasher, ZxcvbnPasswordStrength
from tasktracker.adapters.security.secret_cipher import FernetSecretCipher
from tasktracker.adapters.security.tokens import JwtTokenSigner
from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.clock import DatabaseClock
from tasktracker.adapters.sql.database import Database
from tasktracker.adapters.sql.engine import conninfo, open_database
from tasktracker.adapters.sql.postgresql_backups import PostgresBackups
from tasktracker.adapters.sql.rate_limiter import SqlRateLimiter
from tasktracker.adapters.sql.sqlite_backups import SqliteBackups
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.sql.urls import SQLITE, database_url
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.accounts.addresses import VerifiedAddresses
from tasktracker.domain.accounts.code_verifier import CodeVerifier
from tasktracker.domain.accounts.email_service import EmailService
from tasktracker.domain.accounts.invite_service import InviteService
from tasktracker.domain.accounts.letters import Letters
from tasktracker.domain.accounts.password import PasswordPolicy
from tasktracker.domain.accounts.password_confirmation import PasswordConfirmation
from tasktracker.domain.accounts.password_reset_service import PasswordResetService
from tasktracker.domain.accounts.quota import Quotas
from tasktracker.domain.accounts.reencryption_service import ReencryptionService
from tasktracker.domain.accounts.registration import RegistrationMode
from tasktracker.domain.accounts.registration_service import RegistrationService
from tasktracker.domain.accounts.service import AccountService
from tasktracker.domain.accounts.session import SessionPolicy
from tasktracker.domain.accounts.session_service import SessionService
from tasktracker.domain.accounts.two_factor_service import TwoFactorService
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.activity.service import ActivityService
from tasktracker.domain.administration.access import AuditedReading
from tasktracker.domain.administration.deliveries import DeliveryAdministration
from tasktracker.domain.administration.processes import AccountProcesses
from tasktracker.domain.administration.service import ServiceAdministration
from tasktracker.domain.administration.user_service import UserAdministration
from tasktracker.domain.api_tokens.service import ApiTokenService
from tasktracker.domain.backups import BackupRefused, Backups
from tasktracker.domain.categories.service import CategoryService
from tasktracker.domain.deliveries.courier import Courier
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.deliveries.ports import MailArchive, Mailer, Preparation
from tasktracker.domain.deliveries.service import DeliveryService
from tasktracker.domain.feed.list_refresh import refresh_list
from tasktracker.domain.history.service import HistoryService
from tasktracker.domain.housekeeping import HousekeepingService
from tasktracker.domain.jobs.job import JobKind
from tasktracker.domain.jobs.ports import Step
from tasktracker.domain.jobs.service import JobRunner
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.notifications.service import NotificationService
from tasktracker.domain.portability.export_service import ExportService
from tasktracker.domain.portability.import_service import ImportService
from tasktracker.domain.portability.job_service import ImportJobService
from tasktracker.domain.reminders.firing import Firing
from tasktracker.domain.reminders.letters import ReminderLetters
from tasktracker.domain.reminders.preference_service import PreferenceService, follow_time_zone
from tasktracker.domain.reminders.service import ReminderService
from tasktracker.domain.removal.accounts import AccountRemoval, remove_account
from tasktracker.domain.removal.categories import CategoryRemoval, remove_category
from tasktracker.domain.removal.passing_on import hand_over
from tasktracker.domain.sharing.acceptance import InvitationAcceptance
from tasktracker.domain.sharing.categories import CategorySharing
from tasktracker.domain.sharing.invitation_limit import InvitationLimit
from tasktracker.domain.sharing.invitations import ShareInvitations
from tasktracker.domain.sharing.service import SharingService
from tasktracker.domain.sync.category_mutations import CategoryMutations
from tasktracker.domain.sync.personal_mutations import NotificationMutations, ReminderMutations
from tasktracker.domain.sync.push_service import PushService
from tasktracker.domain.sync.service import SyncService
from tasktracker.domain.sync.stream_service import StreamService
from tasktracker.domain.sync.task_mutations import TaskMutations
from tasktracker.domain.tasks.service import TaskService
from tasktracker.domain.tasks.trash_service import TrashService, purge_task
from tasktracker.domain.throttling.ports import RateLimiter
from tasktracker.domain.throttling.throttle import Throttle
from tasktracker.domain.work import UnitOfWork
from tasktracker.entrypoints.setting_values import MIN_KEY_LENGTH
from tasktracker.entrypoints.settings import (
    BACKGROUND_THREADS,
    HEALTH_THREADS,
    STREAM_THREADS,
    THREADS_PER_HASH,
    Settings,
    SettingsError,
)


def _key_ring(settings: Settings) -> KeyRing:
    if settings.secret_keys:
        return KeyRing(settings.secret_keys)
    try:
        key = secret_file.read_or_create(settings.secret_file)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "must be text"
        raise SettingsError(f"DATA_FOLDER: {settings.secret_file}: {reason}") from None
    if len(key) < MIN_KEY_LENGTH:
        raise SettingsError(
            f"SECRET_KEYS: is not set, and {settings.secret_file} contains no key: delete the file to create a new one"
        )
    return KeyRing([key])


def _session_policy(settings: Settings) -> SessionPolicy:
    return SessionPolicy(
        access=timedelta(seconds=settings.access_token_seconds),
        idle=timedelta(seconds=settings.session_idle_seconds),
        absolute=timedelta(seconds=settings.session_absolute_seconds),
        grace=timedelta(seconds=settings.refresh_grace_seconds),
        max_sessions=settings.sessions_per_user,
    )


def _password_hasher(settings: Settings) -> Argon2PasswordHasher:
    return Argon2PasswordHasher(
        memory_kib=settings.argon2_memory_kib,
        passes=settings.argon2_passes,
        lanes=settings.argon2_lanes,
        threads=settings.hashing_threads,
    )


def _storage(settings: Settings) -> str:
    return "memory" if settings.database_url.startswith("memory:") else "sql"


def _database(settings: Settings) -> Database:
    return open_database(
        settings.database_url,
        # One connection for each thread that may need one, so that no thread waits for another one.
        pool_size=settings.database_connections
        + THREADS_PER_HASH * settings.hashing_threads
        + settings.transfers
        + STREAM_THREADS
        + BACKGROUND_THREADS
        + HEALTH_THREADS,
        wait_seconds=settings.database_wait_seconds,
        pooler=not settings.database_prepared_statements,
    )


def _limits(settings: Settings) -> Quotas:
    return Quotas(
        settings.tasks_per_user or None, settings.categories_per_user or None, settings.bytes_per_user or None
    )


def _retention(settings: Settings) -> timedelta:
    return timedelta(days=settings.window_days)


def _throttle(settings: Settings, limiter: RateLimiter, clock: Clock) -> Throttle:
    return Throttle(limiter if settings.throttle else None, clock)


def _mail_domain(settings: Settings) -> str | None:
    return mail_urls.sender(settings.mail_from).domain if settings.mail_url else None


def _mailer(settings: Settings) -> Mailer | None:
    if not settings.mail_url:
        return None
    composer = Composer(mail_urls.sender(settings.mail_from), settings.public_url)
    target = mail_urls.parse(settings.mail_url)
    return FolderMailer(target, composer) if isinstance(target, Path) else SmtpMailer(target, composer)


def _preparations(
    letters: Letters, acceptance: InvitationAcceptance, reminders: ReminderLetters
) -> Mapping[DeliveryKind, Preparation[UnitOfWork[SystemActor]]]:
    notices = dict.fromkeys(DeliveryKind, letters.notice)
    return notices | {
        DeliveryKind.VERIFY_EMAIL: letters.verify_email,
        DeliveryKind.RESET_PASSWORD: letters.reset_password,
        DeliveryKind.INVITATION: letters.invitation,
        DeliveryKind.SHARE_INVITATION: acceptance.prepare,
        DeliveryKind.REMINDER: reminders.reminder,
        DeliveryKind.DAILY_SUMMARY: reminders.summary,
    }


def _mail_folder(settings: Settings) -> MailArchive | None:
    target = mail_urls.parse(settings.mail_url) if settings.mail_url else None
    return MailFolder(target) if isinstance(target, Path) else None


STEPS: Mapping[JobKind, Step[UnitOfWork[SystemActor]]] = {
    JobKind.REMOVE_ACCOUNT: remove_account,
    JobKind.REMOVE_CATEGORY: remove_category,
    JobKind.REFRESH_LIST: refresh_list,
    JobKind.HAND_OVER: hand_over,
    JobKind.PURGE_TASK: purge_task,
}


Notifier = LocalChangeNotifier | SqliteChangeNotifier | PollingChangeNotifier | PostgresChangeNotifier


def _notifier(settings: Settings) -> Notifier:
    if _storage(settings) == "memory":
        return LocalChangeNotifier()
    url = settings.listen_database_url or settings.database_url
    parsed = database_url(url)
    if parsed.drivername == SQLITE:
        return SqliteChangeNotifier(parsed.database or "")
    if not settings.database_prepared_statements and not settings.listen_database_url:
        return PollingChangeNotifier()  # LISTEN does not work behind a transaction pooler
    return PostgresChangeNotifier(conninfo(url))


def _backups(settings: Settings) -> Backups:
    if _storage(settings) == "memory":
        raise BackupRefused("The data is in memory only (DATABASE_URL): there is nothing to back up or to restore.")
    url = database_url(settings.database_url)
    return SqliteBackups(url.database or "") if url.drivername == SQLITE else PostgresBackups(settings.database_url)


class Schema:
    """The schema of the database: its revision, the revision that this version needs, and the upgrade."""

    def __init__(self, settings: Settings) -> None:
        self._exists = _storage(settings) == "sql"
        self._url = settings.database_url
        parsed = database_url(self._url) if self._exists else None
        self.is_embedded = parsed is not None and parsed.drivername == SQLITE
        self.file = Path(parsed.database) if parsed and self.is_embedded and parsed.database else None

    @property
    def head(self) -> str | None:
        """The schema revision that this version of the server needs; None if the storage has no schema."""
        return migrate.head() if self._exists else None

    def current(self) -> str | None:
        """Return the revision of the database; None if it has no schema yet.

        Raises StorageUnavailable, also for a revision that this version cannot upgrade.
        """
        return migrate.current(self._url) if self._exists else None

    def upgrade(self) -> None:
        """Upgrade the schema to `head`; create an embedded database if it is missing. Raises StorageUnavailable."""
        if self._exists:
            migrate.upgrade(self._url)


class Container(containers.DeclarativeContainer):
    """The services and adapters that the entrypoints use, each created on first use."""

    settings = providers.Dependency(instance_of=Settings)

    clock = providers.Singleton(SystemClock)
    ids = providers.Singleton(Uuid7Generator)
    characters = providers.Singleton(RegexCharacters)
    calendar = providers.Singleton(DateutilCalendarRules)

    keys = providers.Singleton(_key_ring, settings)
    signer = providers.Singleton(JwtTokenSigner, keys, clock)
    passwords = providers.Singleton(_password_hasher, settings)
    strength = providers.Singleton(ZxcvbnPasswordStrength)

    one_time_codes = providers.Singleton(PyotpOneTimeCodes)
    secret_cipher = providers.Singleton(FernetSecretCipher, keys)
    audit_log = providers.Singleton(StructlogAuditLog)

    storage = providers.Callable(_storage, settings)
    notifier = providers.Singleton(_notifier, settings)
    jobs_added = providers.Singleton(Event)
    deliveries_added = providers.Singleton(Event)
    database = providers.Singleton(_database, settings)
    limits = providers.Callable(_limits, settings)
    store = providers.Selector(
        storage,
        memory=providers.Singleton(MemoryStore, clock, ids, audit_log, notifier, jobs_added, deliveries_added, limits),
        sql=providers.Singleton(
            SqlStore, database, clock, ids, audit_log, notifier, jobs_added, deliveries_added, limits
        ),
    )
    backups = providers.Callable(_backups, settings)
    limiter = providers.Selector(
        storage,
        memory=providers.Singleton(MemoryRateLimiter),
        sql=providers.Singleton(SqlRateLimiter, database),
    )

    shared_clock = providers.Selector(storage, memory=clock, sql=providers.Singleton(DatabaseClock, database, clock))

    outbox = providers.Singleton(Outbox, providers.Callable(_mail_domain, settings))
    registration_mode = providers.Singleton(RegistrationMode, settings.provided.registration)
    invites = providers.Singleton(InviteService, outbox=outbox, ids=ids)
    throttle = providers.Singleton(_throttle, settings, limiter, clock)
    recorder = providers.Singleton(Recorder, store=store, ids=ids, outbox=outbox)
    password_policy = providers.Singleton(PasswordPolicy, strength, settings.provided.password_min_length)
    verifier = providers.Singleton(
        CodeVerifier, codes=one_time_codes, cipher=secret_cipher, clock=clock, recorder=recorder
    )
    confirmation = providers.Singleton(
        PasswordConfirmation,
        store=store,
        recorder=recorder,
        passwords=passwords,
        throttle=throttle,
        verifier=verifier,
    )
    two_factor = providers.Singleton(
        TwoFactorService,
        store=store,
        recorder=recorder,
        confirmation=confirmation,
        codes=one_time_codes,
        cipher=secret_cipher,
        verifier=verifier,
        throttle=throttle,
    )
    reencryption = providers.Singleton(ReencryptionService, store=store, cipher=secret_cipher)
    share_invitations = providers.Singleton(ShareInvitations, outbox=outbox, ids=ids)
    sharing = providers.Singleton(
        SharingService, invitations=share_invitations, limit=settings.provided.members_per_task
    )
    category_sharing = providers.Singleton(
        CategorySharing, invitations=share_invitations, ids=ids, limit=settings.provided.members_per_task
    )
    link_tokens = providers.Singleton(HmacLinkTokens, keys)
    acceptance = providers.Singleton(
        InvitationAcceptance, tasks=sharing, categories=category_sharing, tokens=link_tokens
    )
    addresses = providers.Singleton(
        VerifiedAddresses, recorder=recorder, outbox=outbox, on_verified=acceptance.provided.accept
    )
    session_policy = providers.Singleton(_session_policy, settings)
    sessions = providers.Singleton(
        SessionService,
        store=store,
        outbox=outbox,
        recorder=recorder,
        throttle=throttle,
        verifier=verifier,
        tokens=signer,
        passwords=passwords,
        clock=clock,
        ids=ids,
        characters=characters,
        policy=session_policy,
    )
    registration = providers.Singleton(
        RegistrationService,
        store=store,
        outbox=outbox,
        mode=registration_mode,
        addresses=addresses,
        sessions=sessions,
        recorder=recorder,
        throttle=throttle,
        passwords=passwords,
        policy=password_policy,
        clock=clock,
        ids=ids,
        characters=characters,
    )
    accounts = providers.Singleton(
        AccountService,
        store=store,
        outbox=outbox,
        ids=ids,
        confirmation=confirmation,
        recorder=recorder,
        passwords=passwords,
        policy=password_policy,
        characters=characters,
        on_time_zone=providers.Object(follow_time_zone),
    )
    password_reset = providers.Singleton(
        PasswordResetService,
        store=store,
        recorder=recorder,
        passwords=passwords,
        policy=password_policy,
        verifier=verifier,
        throttle=throttle,
    )
    emails = providers.Singleton(
        EmailService, store=store, addresses=addresses, outbox=outbox, throttle=throttle, ids=ids
    )
    api_tokens = providers.Singleton(
        ApiTokenService,
        confirmation=confirmation,
        recorder=recorder,
        ids=ids,
        characters=characters,
        limit=settings.provided.api_tokens_per_user,
    )
    activity = providers.Singleton(ActivityService)
    categories = providers.Singleton(CategoryService, ids=ids, characters=characters)
    tasks = providers.Singleton(TaskService, ids=ids, characters=characters, calendar=calendar)
    trash = providers.Singleton(TrashService)
    reminders = providers.Singleton(ReminderService, ids=ids)
    notifications = providers.Singleton(NotificationService)
    preferences = providers.Singleton(PreferenceService)
    history = providers.Singleton(HistoryService, tasks=tasks)
    invitation_limit = providers.Singleton(InvitationLimit, store=store, throttle=throttle)
    category_removal = providers.Singleton(CategoryRemoval)
    retention = providers.Callable(_retention, settings)
    housekeeping = providers.Singleton(HousekeepingService, store=store, clock=shared_clock, retention=retention)
    account_removal = providers.Singleton(
        AccountRemoval, store=store, confirmation=confirmation, recorder=recorder, count=housekeeping.provided.count
    )
    administration = providers.Singleton(UserAdministration, recorder=recorder, outbox=outbox, characters=characters)
    account_processes = providers.Singleton(
        AccountProcesses,
        store=store,
        recorder=recorder,
        registration=registration,
        users=administration,
        passwords=passwords,
        policy=password_policy,
        count=housekeeping.provided.count,
    )
    service_administration = providers.Singleton(
        ServiceAdministration, recorder=recorder, invites=invites, mode=registration_mode
    )
    audited = providers.Singleton(AuditedReading, store=store, recorder=recorder)
    exports = providers.Singleton(ExportService, store=store)
    imports = providers.Singleton(ImportService, store=store, characters=characters, calendar=calendar)
    import_jobs = providers.Singleton(ImportJobService, store=store, clock=shared_clock, ids=ids)
    sync = providers.Singleton(SyncService, store=store, secrets=store, retention=retention)
    streams = providers.Singleton(StreamService, store=store, admission=store, clock=clock)
    pushing = providers.Singleton(
        PushService,
        store=store,
        tasks=providers.Singleton(TaskMutations, tasks=tasks, trash=trash),
        categories=providers.Singleton(CategoryMutations, categories=categories, removal=category_removal),
        reminders=providers.Singleton(ReminderMutations, reminders=reminders),
        notifications=providers.Singleton(NotificationMutations, notifications=notifications),
        retention=retention,
    )
    deliveries = providers.Singleton(DeliveryService)
    delivery_administration = providers.Singleton(DeliveryAdministration, deliveries=deliveries, recorder=recorder)
    mailer = providers.Singleton(_mailer, settings)
    mail_folder = providers.Singleton(_mail_folder, settings)
    letters = providers.Singleton(Letters, link_tokens)
    reminder_letters = providers.Singleton(ReminderLetters, link_tokens)
    courier = providers.Singleton(
        Courier,
        store=store,
        clock=shared_clock,
        mailer=mailer,
        preparations=providers.Callable(_preparations, letters, acceptance, reminder_letters),
    )
    firing = providers.Singleton(Firing, store=store, clock=shared_clock, outbox=outbox)
    jobs = providers.Singleton(JobRunner, store=store, clock=shared_clock, steps=STEPS)
