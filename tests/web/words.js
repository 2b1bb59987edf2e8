// Rules, and what they are in words, for tests. Their start is Wednesday, 2026-11-25.

/** @type {[rule: string, en: string, de: string][]} */
export const DUE = [
  ["FREQ=DAILY", "Every day", "Jeden Tag"],
  ["FREQ=DAILY;INTERVAL=3", "Every 3 days", "Alle 3 Tage"],
  ["FREQ=WEEKLY;BYDAY=MO", "Every Monday", "Jeden Montag"],
  ["FREQ=WEEKLY", "Every Wednesday", "Jeden Mittwoch"],
  ["FREQ=DAILY;BYDAY=SA,SU", "Every Saturday and Sunday", "Jeden Samstag und Sonntag"],
  ["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "Every weekday (Mon–Fri)", "Jeden Werktag (Mo–Fr)"],
  ["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU", "Every day", "Jeden Tag"],
  ["FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", "Every 2 weeks on Monday and Thursday", "Alle 2 Wochen am Montag und Donnerstag"],
  ["FREQ=MONTHLY;BYMONTHDAY=1,22", "Every month on the 1st and 22nd", "Jeden Monat am 1. und 22."],
  ["FREQ=MONTHLY;BYMONTHDAY=-1", "Every month on the last day", "Jeden Monat am letzten Tag"],
  ["FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1", "Every month on the 31st, or the last day", "Jeden Monat am 31. oder am letzten Tag"],
  ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=28,29;BYSETPOS=-1", "Every year on the 29th, or the last day of February", "Jedes Jahr am 29. oder am letzten Tag im Februar"],
  ["FREQ=MONTHLY;BYMONTHDAY=-2", "Every month on the 2nd-to-last day", "Jeden Monat am 2.-letzten Tag"],
  ["FREQ=MONTHLY;INTERVAL=2;BYDAY=3TH", "Every 2 months on the 3rd Thursday", "Alle 2 Monate am 3. Donnerstag"],
  ["FREQ=MONTHLY;BYDAY=-1FR", "Every month on the last Friday", "Jeden Monat am letzten Freitag"],
  ["FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1", "Every month on the last Friday", "Jeden Monat am letzten Freitag"],
  ["FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "Every month on the last weekday (Mon–Fri)", "Jeden Monat am letzten Werktag (Mo–Fr)"],
  ["FREQ=MONTHLY;BYMONTH=6,7;BYMONTHDAY=1", "Every month on the 1st in June and July", "Jeden Monat am 1. im Juni und Juli"],
  ["FREQ=DAILY;BYMONTH=6", "Every day in June", "Jeden Tag im Juni"],
  ["FREQ=YEARLY", "Every year on 25 November", "Jedes Jahr am 25. November"],
  ["FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", "Every year on 24 December", "Jedes Jahr am 24. Dezember"],
  ["FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "Every year on the 4th Thursday of November", "Jedes Jahr am 4. Donnerstag im November"],
  ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", "Every year on the last day of February", "Jedes Jahr am letzten Tag im Februar"],
  ["FREQ=DAILY;COUNT=10", "Every day, 10 times", "Jeden Tag, 10-mal"],
  ["FREQ=DAILY;UNTIL=20270305", "Every day, until 5 March 2027", "Jeden Tag, bis 5. März 2027"],
  ["FREQ=DAILY;UNTIL=20270305T120000Z", "Every day, until 5 March 2027", "Jeden Tag, bis 5. März 2027"],
  ["FREQ=YEARLY;BYDAY=20MO", "By the rule FREQ=YEARLY;BYDAY=20MO", "Nach der Regel FREQ=YEARLY;BYDAY=20MO"],
  ["FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR", "By the rule FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR", "Nach der Regel FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR"],
];

/** Rules that are counted from the completion. @type {[rule: string, en: string, de: string][]} */
export const COMPLETION = [
  ["FREQ=MONTHLY", "Every month, counted from the completion", "Jeden Monat, gezählt ab der Erledigung"],
  ["FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", "Every 2 weeks on Friday, counted from the completion", "Alle 2 Wochen am Freitag, gezählt ab der Erledigung"],
];
