"""Removing categories, which changes their tasks, and accounts, which removes their tasks and other data."""
