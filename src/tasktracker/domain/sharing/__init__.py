"""Sharing tasks with other users."""
