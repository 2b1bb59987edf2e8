"""Idempotent requests: a repeated request is executed once."""
