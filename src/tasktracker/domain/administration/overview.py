"""The overview of the service, and the counts of its days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tasktracker.domain.administration.ports import AdminWork, StatisticsWork
from tasktracker.domain.administration.statistics import DAYS, Counted, DayCounts, Maintenance, Totals, bounds_of
from tasktracker.domain.deliveries.delivery import Failing
from tasktracker.domain.jobs.job import JobKind


@dataclass(frozen=True, slots=True)
class Overview:
    """What the service contains, what runs in it, and what happened on the last days.

    `failing` are the mails that cannot be sent now. `jobs` has two counts of unfinished jobs for each kind: the jobs
    that wait, and those that a process works on.
    """

    totals: Totals
    jobs: Mapping[JobKind, tuple[int, int]]
    marks: Mapping[Maintenance, datetime]
    days: Sequence[DayCounts]
    failing: Failing | None


def overview(work: AdminWork) -> Overview:
    """Return the overview. Days are those that the sweep has counted, and others have no counts."""
    today = work.now.date()
    stored = {each.day: each for each in work.statistics.days(today - timedelta(days=DAYS - 1))}
    dates = (today - timedelta(days=number) for number in reversed(range(DAYS)))
    jobs = {}
    for kind in JobKind:
        is_waiting = Counter(job.is_claimable(work.now) for job in work.jobs.list(kind))
        jobs[kind] = is_waiting[True], is_waiting[False]
    days = [stored.get(day) or DayCounts(day, dict.fromkeys(Counted, 0)) for day in dates]
    return Overview(work.statistics.totals(), jobs, work.statistics.marks(), days, work.deliveries.failing())


def days_to_count(last: datetime | None, now: datetime) -> Sequence[date]:
    """Return the days that a sweep counts: today, yesterday, and those since the last sweep.

    Yesterday is counted again, because units of work that began before midnight may have committed after the last
    sweep.
    """
    begin = min(last.date() if last else date.min, now.date() - timedelta(days=1))
    count = min(DAYS, (now.date() - begin).days + 1)
    return [now.date() - timedelta(days=number) for number in reversed(range(count))]


def count_day(work: StatisticsWork, day: date) -> Mapping[Counted, int]:
    """Count what happened on a day."""
    return {counted: work.statistics.count(counted, *bounds_of(day)) for counted in Counted}
