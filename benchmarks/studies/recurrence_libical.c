/* Print the days of recurrence rules by libical. benchmarks/studies/recurrence.py compiles and runs it.
 *
 * A line of the input has a rule, its start in local time, the time zone, the number of days and the last year. A line
 * of the output has the local times and, of moments in a time zone that libical knows, the seconds since 1970. */

#include <libical/ical.h>
#include <stdio.h>

int main(void)
{
    char line[2048], rule[1024], text[64], name[128];
    int number, last_year;

    icaltimezone_set_tzid_prefix("");
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%1023s %63s %127s %d %d", rule, text, name, &number, &last_year) != 5)
            return 1;
        icaltimezone *zone = icaltimezone_get_builtin_timezone(name);
        struct icaltimetype start = icaltime_from_string(text);
        struct icalrecurrencetype parsed = icalrecurrencetype_from_string(rule);
        icalrecur_iterator *iterator = icalrecur_iterator_new(parsed, start);
        if (icaltime_is_null_time(start))
            return 1;
        for (; iterator && number > 0; number--) {
            struct icaltimetype next = icalrecur_iterator_next(iterator);
            if (icaltime_is_null_time(next) || next.year > last_year)
                break;
            printf("%s", icaltime_as_ical_string(next));
            if (zone && !start.is_date)
                printf("=%lld", (long long)icaltime_as_timet_with_zone(next, zone));
            printf(" ");
        }
        printf("\n");
        if (iterator)
            icalrecur_iterator_free(iterator);
        icalrecurrencetype_clear(&parsed);
    }
    return 0;
}
