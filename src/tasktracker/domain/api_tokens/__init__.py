"""Tokens by which scripts and integrations act for a user."""
