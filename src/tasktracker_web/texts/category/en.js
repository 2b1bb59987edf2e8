// The texts of the dialog of a category in English.

/** @type {Record<string, string>} */
export const texts = {
  "category.edit": "Edit the category",
  "category.unnamed": "Write a name.",
  "category.trash": "Delete the category",
  "category.trash.why": "Its tasks are kept, without a category.",
  "category.trash.shared": "Its tasks are kept, without a category. Its members no longer see them, also after an undo.",
  "color.none": "No color",
  "color.red": "Red",
  "color.orange": "Orange",
  "color.yellow": "Yellow",
  "color.green": "Green",
  "color.blue": "Blue",
  "color.purple": "Purple",
  "color.pink": "Pink",
  "color.gray": "Gray",
  "color.other": "Another color",
  "did.list.edit": "Category changed: “{title}”",
  "did.list.trash": "Category deleted, its tasks are kept: “{title}”",
};
