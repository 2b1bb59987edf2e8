"""Feeds: for each user, the changed items, in the order of the commits."""
