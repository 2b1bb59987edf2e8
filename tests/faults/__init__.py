"""Faults of processes, disks, networks, databases and clocks, under load.

`make test-faults` runs all of them, measures, and needs Linux, root, nginx and faketime. `make test` runs a short form
of the tests without the marker `faults`, and measures nothing.
"""
