"""Feeds: for each user, what has changed, in the order of the commits."""
