"""Slowing down whoever guesses."""
