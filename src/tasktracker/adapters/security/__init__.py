"""Cryptography: tokens and passwords."""
