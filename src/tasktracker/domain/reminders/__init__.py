"""Reminders: each user's own moments at which they are reminded of tasks; and the daily summary."""
