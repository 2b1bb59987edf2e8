"""Administration of the service: its users, settings and invitations, and what has happened in it."""
