"""Keeping devices in sync: what has changed for whom, in which order."""
