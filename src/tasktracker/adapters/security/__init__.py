"""Tokens, passwords, one-time codes, and the secrets they need."""
