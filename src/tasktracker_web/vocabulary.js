// The words of days, and how a text is read by rules.

/** What follows a word. */
export const END = "(?=$|[\\s,;.!?)])";
/** Nothing follows that the day of a month would belong to, as in "on the 2nd floor". */
export const ALONE = "(?=\\s*(?:$|[,;.!?)#(]|at |um |\\d))";

export const WEEKDAYS = {
  en: ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"],
  de: ["sonntag", "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag"],
};
/** Short forms are also other words, so they need a word before them. */
export const SHORT_WEEKDAYS = {
  en: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
  de: ["so", "mo", "di", "mi", "do", "fr", "sa"],
};
export const MONTHS = {
  en: ["jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?", "aug(?:ust)?", "sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?"],
  de: ["jan(?:uar)?|jänner", "feb(?:ruar)?", "märz?", "apr(?:il)?", "mai", "juni?", "juli?", "aug(?:ust)?", "sep(?:tember)?", "okt(?:ober)?", "nov(?:ember)?", "dez(?:ember)?"],
};

/** From two on. */
export const NUMBERS = ["two|zwei", "three|drei", "four|vier", "five|fünf", "six|sechs", "seven|sieben", "eight|acht", "nine|neun", "ten|zehn", "eleven|elf", "twelve|zwölf"];
export const COUNT = `\\d{1,3}|${NUMBERS.join("|")}`;

/** A rule for a pattern of whole words. A space in it is any white space. @template R @param {string} pattern @param {R} read */
export function rule(pattern, read) {
  return { pattern: new RegExp(`(?:${pattern.replaceAll(" ", "\\s")})${END}`, "iy"), read };
}

/** The number of a month or weekday from its name. @param {string[]} names @param {string} name */
export function numberOf(names, name) {
  return names.findIndex((each) => new RegExp(`^(?:${each})$`, "i").test(name));
}

/** Return the end of a white space, perhaps after a comma. @param {string} text @param {number} at */
export function next(text, at) {
  return at + (/^,? */.exec(text.slice(at))?.[0].length ?? 0);
}

/** @param {RegExp} pattern @param {string} text @param {number} at */
export function matched(pattern, text, at) {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match && { groups: match.slice(1), end: pattern.lastIndex };
}

/** Apply the first rule that reads something. @template T @param {{ pattern: RegExp, read: (groups: string[], now: Date) => T | null }[]} rules @param {string} text @param {number} at @param {Date} now @returns {{ value: T, end: number } | null} */
export function read(rules, text, at, now) {
  for (const rule of rules) {
    const match = matched(rule.pattern, text, at);
    const value = match && rule.read(match.groups, now);
    if (match && value) return { value, end: match.end };
  }
  return null;
}
