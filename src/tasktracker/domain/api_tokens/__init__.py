"""API tokens, with which scripts and integrations act for a user."""
