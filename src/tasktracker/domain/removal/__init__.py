"""Removing what other things depend on: categories that tasks are filed under, and accounts."""
