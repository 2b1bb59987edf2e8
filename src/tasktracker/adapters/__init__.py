"""Implementations of the domain's ports: storage, events and security."""
