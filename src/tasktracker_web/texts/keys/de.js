// The texts of the screen of the keys in German.

/** @type {Record<string, string>} */
export const texts = {
  "keys.everywhere": "Überall",
  "keys.next": "Nächste Aufgabe",
  "keys.previous": "Vorige Aufgabe",
  "keys.open": "Aufgabe öffnen",
  "keys.complete": "Die Aufgabe erledigen oder wieder öffnen",
  "keys.select": "Aufgabe auswählen",
  "keys.range": "Mehrere Aufgaben auswählen",
  "keys.all": "Alle Aufgaben auswählen",
  "keys.around": "Zu einer anderen Aufgabe gehen",
  "keys.move": "Status der Aufgabe ändern",
  "keys.close": "Speichern und Aufgabe schließen",
  "keys.title": "Titel speichern",
  "keys.notes": "Notizen speichern",
  "keys.category": "Einen Vorschlag wählen",
  "key.ctrl": "Strg",
  "key.shift": "⇧",
  "key.enter": "Eingabe",
  "key.delete": "Entf",
};
