"""The texts that people read on pages, in each language. Placeholders are written as `{name}`."""

from __future__ import annotations

from collections.abc import Mapping

from tasktracker.domain.kernel.languages import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    Language.EN: {
        "service": "Task Tracker",
        "open-app": "Go to your tasks",
        "unknown-path.title": "There is no such page",
        "unknown-path.lead": "The address is wrong, or the page was removed.",
        "reset-password.title": "Choose a new password",
        "reset-password.lead": "This replaces the password of {username}, logs out all devices and revokes all API "
        "tokens.",
        "reset-password.button": "Replace the password",
        "set-password.title": "Choose your password",
        "set-password.lead": "Your account is {username}. With this password you can log in.",
        "set-password.button": "Save the password",
        "password.done.title": "The password is saved",
        "password.done.lead": "You can now log in with it. You may close this page.",
        "verify-email.title": "Confirm your e-mail address",
        "verify-email.lead": "{address} becomes the e-mail address of the account {username}.",
        "verify-email.button": "Confirm the address",
        "email.done.title": "The address is confirmed",
        "email.done.lead": "It is now the e-mail address of your account. You may close this page.",
        "taken.title": "This address belongs to another account",
        "taken.lead": "Another account has confirmed it before. Log in to that one, or enter another address.",
        "field.username": "Username",
        "field.new_password": "New password",
        "field.new_password.hint": "At least {minimum} characters. Several words that do not belong together are good.",
        "field.new_password.error": "This password is too short, too long or too easy to guess. Choose another one.",
        "field.code": "Two-factor code",
        "field.code.hint": "From your authenticator app, or a recovery code.",
        "field.code.error": "This code is wrong or was used already.",
        "dead.title": "This link is no longer valid",
        "dead.lead": "It was used, was replaced by a newer one, or has expired. Ask for another link.",
        "wait.title": "Please try again later",
        "wait.lead": "The link is still valid. Try again in {seconds} seconds.",
    },
    Language.DE: {
        "service": "Task Tracker",
        "open-app": "Zu Ihren Aufgaben",
        "unknown-path.title": "Diese Seite gibt es nicht",
        "unknown-path.lead": "Die Adresse ist falsch, oder die Seite wurde entfernt.",
        "reset-password.title": "Neues Passwort wählen",
        "reset-password.lead": "Damit wird das Passwort von {username} ersetzt; alle Geräte werden abgemeldet und alle "
        "API-Tokens widerrufen.",
        "reset-password.button": "Passwort ersetzen",
        "set-password.title": "Passwort wählen",
        "set-password.lead": "Ihr Konto heißt {username}. Mit diesem Passwort können Sie sich anmelden.",
        "set-password.button": "Passwort speichern",
        "password.done.title": "Das Passwort ist gespeichert",
        "password.done.lead": "Sie können sich jetzt damit anmelden und diese Seite schließen.",
        "verify-email.title": "E-Mail-Adresse bestätigen",
        "verify-email.lead": "{address} wird die E-Mail-Adresse des Kontos {username}.",
        "verify-email.button": "Adresse bestätigen",
        "email.done.title": "Die Adresse ist bestätigt",
        "email.done.lead": "Sie ist jetzt die E-Mail-Adresse Ihres Kontos. Sie können diese Seite schließen.",
        "taken.title": "Diese Adresse gehört zu einem anderen Konto",
        "taken.lead": "Ein anderes Konto hat sie schon bestätigt. Melden Sie sich dort an oder wählen Sie eine andere.",
        "field.username": "Benutzername",
        "field.new_password": "Neues Passwort",
        "field.new_password.hint": "Mindestens {minimum} Zeichen. Gut sind mehrere Wörter, die nicht zusammengehören.",
        "field.new_password.error": "Dieses Passwort ist zu kurz, zu lang oder zu leicht zu erraten. Wählen Sie ein "
        "anderes.",
        "field.code": "Zwei-Faktor-Code",
        "field.code.hint": "Aus Ihrer Authenticator-App, oder ein Wiederherstellungscode.",
        "field.code.error": "Dieser Code ist falsch oder wurde schon benutzt.",
        "dead.title": "Dieser Link gilt nicht mehr",
        "dead.lead": "Er wurde benutzt, durch einen neueren ersetzt oder ist abgelaufen. Fordern Sie einen neuen an.",
        "wait.title": "Bitte versuchen Sie es später noch einmal",
        "wait.lead": "Der Link gilt weiterhin. Versuchen Sie es in {seconds} Sekunden noch einmal.",
    },
}
"""Every language has the same keys, with the same placeholders."""


def text(language: Language, key: str, **values: object) -> str:
    """Return a text with its placeholders filled in. Raises KeyError."""
    return TEXTS[language][key].format(**values)
