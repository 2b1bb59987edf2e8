"""Notifications: what users are to know, and how they want to get it."""
