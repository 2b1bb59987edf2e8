"""Exporting all data of a user, and importing files."""
