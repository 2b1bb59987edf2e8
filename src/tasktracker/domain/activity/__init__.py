"""Authentication events of users."""
