"""The texts that people read on pages, in each language. Placeholders are written as `{name}`."""

from __future__ import annotations

from collections.abc import Mapping

from tasktracker.domain.kernel.languages import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    Language.EN: {
        "service": "Task Tracker",
        "open-app": "Go to your tasks",
        "new-link": "Ask for a new link",
        "unknown-path.title": "There is no such page",
        "unknown-path.lead": "The address is wrong, or the page was removed.",
        "reset-password.title": "Choose a new password",
        "reset-password.lead": "This replaces the password of {username}, signs out all devices and revokes all API "
        "tokens.",
        "reset-password.button": "Replace the password",
        "set-password.title": "Choose your password",
        "set-password.lead": "Your account is {username}. With this password you can sign in.",
        "set-password.button": "Save the password",
        "password.done.title": "The password is saved",
        "password.done.lead": "You can now sign in with it.",
        "verify-email.title": "Confirm your e-mail address",
        "verify-email.lead": "{address} becomes the e-mail address of the account {username}.",
        "verify-email.button": "Confirm the address",
        "email.done.title": "The address is confirmed",
        "email.done.lead": "It is now the e-mail address of your account.",
        "unsubscribe.button": "Turn them off",
        "unsubscribe.reminder.title": "Reminders by mail",
        "unsubscribe.reminder.lead": "Do you want no more mails of reminders? You still see them in the app.",
        "unsubscribe.reminder.done.title": "Reminders are no longer mailed",
        "unsubscribe.reminder.done.lead": "You still see them in the app. There you can turn the mails on again.",
        "unsubscribe.daily-summary.title": "Daily summary",
        "unsubscribe.daily-summary.lead": "Do you want no more daily summaries?",
        "unsubscribe.daily-summary.done.title": "The daily summary is off",
        "unsubscribe.daily-summary.done.lead": "You can turn it on again in the app.",
        "invitation.title": "Create your account",
        "invitation.lead": "You are invited to use Task Tracker, a service for tasks and lists.",
        "invitation.button": "Create the account",
        "share-invitation.open.title": "{inviter} shares tasks with you",
        "share-invitation.open.lead": "To see them, create an account with the address {address}. If you have an "
        "account, enter this address there instead, and confirm it.",
        "share-invitation.not-open.title": "{inviter} shares tasks with you",
        "share-invitation.not-open.lead": "To see them, you need an account with the address {address}. If you have an "
        "account, enter this address there and confirm it. If not, ask the administrators of this service for one.",
        "registered.title": "Your account is ready",
        "registered.lead": "You can now sign in as {username}.",
        "registered.unverified.title": "Your account is ready",
        "registered.unverified.lead": "You can now sign in as {username}. To confirm {address}, open the link in the "
        "mail that we send there.",
        "closed.title": "No accounts can be created now",
        "closed.lead": "The administrators of this service have closed registration. The link may work again later.",
        "taken.title": "This address belongs to another account",
        "taken.lead": "Another account has confirmed it before. Sign in to that one, or enter another address.",
        "field.username": "Username",
        "field.username.hint": "Letters, digits and . + - _, at least 3",
        "field.username.error": "Use 3 to 150 letters, digits and . + - _, in one script.",
        "field.username.taken": "This username belongs to another account. Choose another one.",
        "field.email": "E-mail address",
        "field.email.error": "This is not an e-mail address.",
        "field.email.taken": "This address belongs to another account. Enter another one, or none.",
        "field.password": "Password",
        "field.password.error": "This password is too short, too long or too easy to guess. Choose another one.",
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
        "new-link": "Neuen Link anfordern",
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
        "password.done.lead": "Sie können sich jetzt damit anmelden.",
        "verify-email.title": "E-Mail-Adresse bestätigen",
        "verify-email.lead": "{address} wird die E-Mail-Adresse des Kontos {username}.",
        "verify-email.button": "Adresse bestätigen",
        "email.done.title": "Die Adresse ist bestätigt",
        "email.done.lead": "Sie ist jetzt die E-Mail-Adresse Ihres Kontos.",
        "unsubscribe.button": "Abschalten",
        "unsubscribe.reminder.title": "Erinnerungen per E-Mail",
        "unsubscribe.reminder.lead": "Möchten Sie keine Erinnerungen mehr per E-Mail? In der App sehen Sie sie weiter.",
        "unsubscribe.reminder.done.title": "Erinnerungen kommen nicht mehr per E-Mail",
        "unsubscribe.reminder.done.lead": "In der App sehen Sie sie weiter. Dort können Sie die E-Mails wieder "
        "einschalten.",
        "unsubscribe.daily-summary.title": "Tägliche Übersicht",
        "unsubscribe.daily-summary.lead": "Möchten Sie keine tägliche Übersicht mehr?",
        "unsubscribe.daily-summary.done.title": "Die tägliche Übersicht ist abgeschaltet",
        "unsubscribe.daily-summary.done.lead": "In der App können Sie sie wieder einschalten.",
        "invitation.title": "Legen Sie Ihr Konto an",
        "invitation.lead": "Sie sind zu Task Tracker eingeladen, einem Dienst für Aufgaben und Listen.",
        "invitation.button": "Konto anlegen",
        "share-invitation.open.title": "{inviter} teilt Aufgaben mit Ihnen",
        "share-invitation.open.lead": "Um sie zu sehen, legen Sie ein Konto mit der Adresse {address} an. Wenn Sie "
        "schon ein Konto haben, geben Sie die Adresse dort an und bestätigen Sie sie.",
        "share-invitation.not-open.title": "{inviter} teilt Aufgaben mit Ihnen",
        "share-invitation.not-open.lead": "Um sie zu sehen, brauchen Sie ein Konto mit der Adresse {address}. Wenn Sie "
        "schon ein Konto haben, geben Sie die Adresse dort an und bestätigen Sie sie. Sonst bitten Sie die "
        "Administratoren dieses Dienstes um ein Konto.",
        "registered.title": "Ihr Konto ist bereit",
        "registered.lead": "Sie können sich jetzt als {username} anmelden.",
        "registered.unverified.title": "Ihr Konto ist bereit",
        "registered.unverified.lead": "Sie können sich jetzt als {username} anmelden. Um {address} zu bestätigen, "
        "öffnen Sie den Link in der E-Mail, die wir dorthin senden.",
        "closed.title": "Zurzeit können keine Konten angelegt werden",
        "closed.lead": "Die Registrierung ist geschlossen. Der Link funktioniert vielleicht später wieder.",
        "taken.title": "Diese Adresse gehört zu einem anderen Konto",
        "taken.lead": "Ein anderes Konto hat sie schon bestätigt. Melden Sie sich dort an oder wählen Sie eine andere.",
        "field.username": "Benutzername",
        "field.username.hint": "Buchstaben, Ziffern und . + - _, mindestens 3",
        "field.username.error": "Verwenden Sie 3 bis 150 Buchstaben, Ziffern und . + - _, in einer Schrift.",
        "field.username.taken": "Dieser Benutzername gehört zu einem anderen Konto. Wählen Sie einen anderen.",
        "field.email": "E-Mail-Adresse",
        "field.email.error": "Das ist keine E-Mail-Adresse.",
        "field.email.taken": "Diese Adresse gehört zu einem anderen Konto. Geben Sie eine andere an, oder keine.",
        "field.password": "Passwort",
        "field.password.error": "Dieses Passwort ist zu kurz, zu lang oder zu leicht zu erraten. Wählen Sie ein "
        "anderes.",
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
