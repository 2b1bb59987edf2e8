"""Measuring, not asserting: what things cost, and how that grows."""
