// The texts of the dialog of a category in German.

/** @type {Record<string, string>} */
export const texts = {
  "category.edit": "Kategorie bearbeiten",
  "category.unnamed": "Schreiben Sie einen Namen.",
  "category.trash": "Kategorie löschen",
  "category.trash.why": "Ihre Aufgaben bleiben, ohne Kategorie.",
  "category.trash.shared": "Ihre Aufgaben bleiben, ohne Kategorie. Die Mitglieder sehen sie nicht mehr, auch nicht nach dem Rückgängigmachen.",
  "color.none": "Keine Farbe",
  "color.red": "Rot",
  "color.orange": "Orange",
  "color.yellow": "Gelb",
  "color.green": "Grün",
  "color.blue": "Blau",
  "color.purple": "Violett",
  "color.pink": "Rosa",
  "color.gray": "Grau",
  "color.other": "Eine andere Farbe",
  "did.list.edit": "Kategorie geändert: „{title}“",
  "did.list.trash": "Kategorie gelöscht, ihre Aufgaben bleiben: „{title}“",
};
