"""Task Tracker: a self-hosted REST backend for tasks."""
