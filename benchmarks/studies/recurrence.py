"""Compare the slots of generated recurrences with dateutil, libical and npm's rrule, and look for the slowest rule.

Rules, time zones and starts are generated from a seed. dateutil gets them with the time zone. The other two get local
times; libical also converts these to moments. Each difference must have a known reason, which is printed with an
example. The exit status is 1 if one has none.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import click

from benchmarks.studies.recurrence_cases import CALENDAR, Case, generate, hostile
from benchmarks.studies.recurrence_peers import (
    Libical,
    Npm,
    Peer,
    Reason,
    dateutil,
    is_odd,
    ours,
    reason_of_libical,
    reason_of_moment,
    reasons_of_dateutil,
)
from tasktracker.adapters.calendar import rules as adapter
from tasktracker.domain.kernel.fields import Refused
from tasktracker.domain.kernel.time_zones import time_zone_names
from tasktracker.domain.recurrence.recurrence import Recurrence

HERE = Path(__file__).parent


class Report:
    """Counts the answers that are the same, and the others by reason."""

    def __init__(self) -> None:
        self.unexplained = 0

    def compare(self, name: str, answers: Iterable[tuple[Case, Any, Any]], reason: Reason) -> None:
        """Print a summary of answers, each with its case and ours."""
        examples: defaultdict[str, list[str]] = defaultdict(list)
        total = same = 0
        for case, expected, answer in answers:
            total += 1
            if answer == expected:
                same += 1
                continue
            found = reason(case, expected, answer)
            self.unexplained += found is None
            examples[found or "WITHOUT A REASON"].append(f"{case.recurrence.rule} from {case.stamp()}")
        click.echo(f"{name}: {total} compared, {same} the same")
        for found, rules in sorted(examples.items(), key=lambda item: -len(item[1])):
            click.echo(f"  {len(rules):5}  {found}\n         {min(rules, key=len)}")


@click.command()
@click.argument("npm_folder", type=click.Path(exists=True, path_type=Path))
@click.option("--cases", "number", default=5000, show_default=True, help="Recurrences to compare.")
@click.option("--hostile", "hostile_number", default=5000, show_default=True, help="Slow rules to look for.")
@click.option("--seed", default=18, show_default=True)
def main(npm_folder: Path, number: int, hostile_number: int, seed: int) -> None:
    """Compare with dateutil, libical and rrule, which `npm install rrule` has installed in NPM_FOLDER."""
    random = Random(seed)  # noqa: S311
    zones = sorted(time_zone_names())
    cases = [generate(random, zones) for _ in range(number)]
    expected = [ours(case) for case in cases]
    click.echo(
        f"{number} recurrences, {len({case.recurrence.time_zone for case in cases})} time zones, "
        f"{sum(case.is_day for case in cases)} of days, {sum(map(len, expected))} slots"
    )
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "libical"
        compiler = ["cc", "-O1", "-Wall", "-o", str(program), str(HERE / "recurrence_libical.c"), "-lical"]
        subprocess.run(compiler, check=True)  # noqa: S603
        libical = Libical(program)
        rrule = Npm("node", HERE / "recurrence_rrule.mjs", npm_folder.resolve())
        with ThreadPoolExecutor() as threads:
            peers: dict[str, Peer] = {"dateutil": dateutil, "rrule": rrule, "libical": libical}
            asked = {name: threads.submit(peer, cases) for name, peer in peers.items()}
        for name, peer in peers.items():
            answers = list(zip(cases, expected, asked[name].result(), strict=True))
            others = [case for case, one, another in answers if one != another]
            report.compare(name, answers, reason_of_libical if peer is libical else reasons_of_dateutil(peer, others))
    report.compare("moments of libical", libical.moments, reason_of_moment)
    odd = sum(is_odd(case, slot) for case, slot, _ in libical.moments)
    click.echo(f"  {odd} of them are in a gap or at a time that occurs twice")
    middle, longest, recurrence = slowest(random, hostile_number)
    click.echo(
        f"slowest: {longest:.1f} ms (median {middle:.1f} ms) for {recurrence.rule} from {recurrence.first:%Y%m%d}"
    )
    sys.exit(1 if report.unexplained else 0)


def milliseconds(recurrence: Recurrence) -> float:
    """Return the processor time of the next slot, and of the refusal of a rule without one, in a new process."""
    adapter._matching.cache_clear()
    started = time.process_time()
    recurrence.next_after(recurrence.first, datetime.now(UTC), CALENDAR)
    with suppress(Refused):
        recurrence.require_slot(CALENDAR)
    return (time.process_time() - started) * 1000


def slowest(random: Random, number: int) -> tuple[float, float, Recurrence]:
    """Return the median and the longest time of hostile rules, and the rule."""
    found = [each for each in (hostile(random) for _ in range(number)) if each]
    times = [milliseconds(each) for each in found]
    slow = sorted(zip(times, found, strict=True), key=itemgetter(0))[-50:]
    again = [(min(milliseconds(each) for _ in range(5)), each) for _, each in slow]
    return median(times), *max(again, key=itemgetter(0))


if __name__ == "__main__":
    main()
