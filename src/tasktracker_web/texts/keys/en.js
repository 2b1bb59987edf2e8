// The texts of the screen of the keys in English.

/** @type {Record<string, string>} */
export const texts = {
  "keys.everywhere": "Everywhere",
  "keys.next": "Next task",
  "keys.previous": "Previous task",
  "keys.open": "Open the task",
  "keys.complete": "Complete the task, or reopen it",
  "keys.select": "Select the task",
  "keys.range": "Select several tasks",
  "keys.all": "Select all tasks",
  "keys.around": "Go to another task",
  "keys.move": "Change the state of the task",
  "keys.close": "Save, and close the task",
  "keys.title": "Save the title",
  "keys.notes": "Save the notes",
  "keys.category": "Choose a suggestion",
  "key.ctrl": "Ctrl",
  "key.shift": "Shift",
  "key.enter": "Enter",
  "key.delete": "Delete",
};
