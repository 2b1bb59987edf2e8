"""The goals of `make bench`, and its figures as a Markdown table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GOALS = {("postgresql", False): 0.70, ("postgresql", True): 0.60, ("sqlite", False): 0.60, ("sqlite", True): 0.60}
GOAL_304, MAX_TAIL, GOAL_LOGIN, MAX_START, MAX_MEMORY = 0.80, 2.0, 0.9, 1.5, 120e6


@dataclass(frozen=True)
class Round:
    """The figures of one round. Latencies are in ms, processor times in s, memory in bytes."""

    requests: int
    seconds: float
    p50: float
    p99: float
    server_cpu: float
    database_cpu: float
    memory: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class Result:
    """The rounds of one workload on one database with a number of connections."""

    database: str
    workload: str
    title: str
    is_write: bool
    connections: int
    server: Sequence[Round]
    baseline: Sequence[Round]

    def ratios(self) -> Sequence[float]:
        """Return the server's rates as shares of the baseline's."""
        return [server.rate / baseline.rate for server, baseline in zip(self.server, self.baseline, strict=True)]

    def tails(self) -> Sequence[float]:
        """Return the server's p99 as multiples of the baseline's."""
        return [server.p99 / baseline.p99 for server, baseline in zip(self.server, self.baseline, strict=True)]

    @property
    def goal(self) -> float:
        """The goal for the median of the ratios; a smaller one misses it."""
        return GOAL_304 if self.workload == "304" else GOALS[self.database, self.is_write]


COLUMNS = (
    ("", 23),
    ("server/s", 8),
    ("baseline/s", 10),
    ("ratio (goal)", 26),
    ("p50 ms", 13),
    ("p99 ms", 15),
    ("p99 ratio (2)", 20),
    ("CPU ms", 13),
    ("database CPU ms", 15),
    ("MB", 7),
)


def heading() -> str:
    """Return the first two lines. A cell with two figures has that of the server, then that of the baseline."""
    names = (f"{name:<{width}}" if not name else f"{name:>{width}}" for name, width in COLUMNS)
    rules = ("-" * width if not name else "-" * (width - 1) + ":" for name, width in COLUMNS)
    return _line(names) + "\n" + _line(rules)


def row(result: Result) -> str:
    """Return the line of a result. A figure that misses its goal is bold."""
    server, baseline = result.server, result.baseline
    ratio, tail = statistics.median(result.ratios()), statistics.median(result.tails())
    cells = (
        result.title,
        f"{_median(server, 'rate'):.0f}",
        f"{_median(baseline, 'rate'):.0f}",
        f"{spread(result.ratios(), ratio >= result.goal)} ({result.goal:.2f})",
        f"{_median(server, 'p50'):.1f} / {_median(baseline, 'p50'):.1f}",
        f"{_median(server, 'p99'):.1f} / {_median(baseline, 'p99'):.1f}",
        spread(result.tails(), tail <= MAX_TAIL),
        f"{_each(server, 'server_cpu'):.2f} / {_each(baseline, 'server_cpu'):.2f}",
        f"{_each(server, 'database_cpu'):.2f} / {_each(baseline, 'database_cpu'):.2f}",
        f"{_most(server):.0f} / {_most(baseline):.0f}",
    )
    aligned = (f"{cell:<{width}}" if not name else f"{cell:>{width}}"
               for cell, (name, width) in zip(cells, COLUMNS, strict=True))  # fmt: skip
    return _line(aligned)


def judged(figure: str, is_met: bool) -> str:
    """Return a figure, in bold type if it misses its goal."""
    return figure if is_met else f"**{figure}**"


def spread(values: Sequence[float], is_met: bool) -> str:
    """Return the median, the smallest and the largest value."""
    return f"{judged(f'{statistics.median(values):.2f}', is_met)} {min(values):.2f}..{max(values):.2f}"


def _median(rounds: Sequence[Round], name: str) -> float:
    return float(statistics.median(getattr(each, name) for each in rounds))


def _each(rounds: Sequence[Round], name: str) -> float:
    return float(statistics.median(getattr(each, name) / each.requests * 1000 for each in rounds))


def _most(rounds: Sequence[Round]) -> float:
    return max(each.memory for each in rounds) / 1e6


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
