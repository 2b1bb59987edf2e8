"""A user's own filing of tasks."""
