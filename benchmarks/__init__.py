"""Benchmarks: they print figures and check no limits."""
