"""Histories of tasks, and undoing their changes."""
