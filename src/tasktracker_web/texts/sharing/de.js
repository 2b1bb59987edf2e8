// The texts of the dialog for sharing in German, which are loaded with it.

/** @type {Record<string, string>} */
export const texts = {
  "sharing.task": "Wer „{title}“ sehen kann",
  "sharing.category": "Wer „{title}“ und alle Aufgaben darin sehen kann",
  "sharing.inherited": "Die Mitglieder ihrer Kategorie sehen sie auch.",
  "sharing.add": "Teilen",
  "sharing.as": "Diese Person",
  "sharing.mail": "Eine Adresse ohne Konto wird per Mail eingeladen.",
  "sharing.added": "Mit {name} geteilt",
  "sharing.invited": "{name} ist per Mail eingeladen",
  "sharing.pending": "Eingeladen",
  "sharing.role": "Was {name} kann",
  "sharing.remove": "Entfernen",
  "sharing.revoke": "Widerrufen",
  "sharing.leave": "Verlassen",
  "sharing.leave.ask": "„{title}“ verlassen?",
  "sharing.leave.why": "Es verschwindet aus Ihren Listen. Nur die Person, der es gehört, kann es wieder mit Ihnen teilen.",
  "sharing.left": "Sie haben „{title}“ verlassen",
  "error.username-unknown": "So heißt kein Konto.",
  "error.username-owner": "Diesem Konto gehört es schon.",
  "error.too-many-members": "Es ist schon mit so vielen Personen geteilt wie möglich.",
  "error.member-not-found": "Diese Person wurde schon entfernt.",
  "error.not-allowed": "Das kann nur, wem es gehört.",
};
