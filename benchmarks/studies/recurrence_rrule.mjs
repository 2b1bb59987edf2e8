// Print the days of recurrence rules by npm's rrule, in local time. benchmarks/studies/recurrence.py runs it.
//
// A line of the input has a rule, its start in local time, the number of days and the last year.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { rrulestr } = createRequire(`${process.argv[2]}/`)("rrule");

for await (const line of createInterface({ input: process.stdin })) {
    const [rule, start, number, lastYear] = line.split(" ");
    const found = [];
    const dtstart = start.includes("T") ? `${start}Z` : `${start}T000000Z`;
    rrulestr(`DTSTART:${dtstart}\nRRULE:${rule}`).all((day) => {
        if (day.getUTCFullYear() > Number(lastYear)) return false;
        found.push(day.toISOString());
        return found.length < Number(number);
    });
    console.log(found.join(" "));
}
