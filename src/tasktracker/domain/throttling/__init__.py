"""Limits on how often an operation may be attempted, to slow down guessing."""
