"""Logging in with something one has, beside something one knows."""
