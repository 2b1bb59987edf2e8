"""Keeping devices in sync: reading changes, and pushing changes made offline."""
