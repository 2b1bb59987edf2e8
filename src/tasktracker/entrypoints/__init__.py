"""Translators between an outside language, HTTP or a command line, and the domain's services."""
