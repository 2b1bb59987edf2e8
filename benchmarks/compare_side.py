"""One side of `benchmarks.compare`: fill a database or make requests with the `benchmarks` package of its commit.

    compare_side.py fill URL                     writes the secrets of the new database as JSON
    compare_side.py requests URL SECRET EPOCH    reads names of workloads, writes the requests of each as a line of JSON

It uses only names in that package that earlier commits also have.
"""

from __future__ import annotations

import json
import sys

from benchmarks.workloads import WORKLOADS, Data, fill


def main(command: str, url: str, *secrets: str) -> None:
    """Run a command."""
    if command == "fill":
        data = fill(Data(url=url))
        _write([data.secret.hex(), data.epoch.hex()])
        return
    secret, epoch = map(bytes.fromhex, secrets)
    data = Data(url=url, secret=secret, epoch=epoch)
    workloads = {workload.name: workload for workload in WORKLOADS}
    for line in sys.stdin:
        _write(workloads[line.strip()].requests(data))


def _write(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
