"""Entrypoints: the HTTP API and the command line, which call the domain's services."""
