"""Removing categories, which changes their tasks, and accounts, which removes everything in them."""
