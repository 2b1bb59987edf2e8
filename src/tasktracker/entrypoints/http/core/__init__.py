"""The shared parts of the HTTP API."""
