"""Imported first by the process that forks servers. Garbage collection takes a quarter of the time of its imports."""

import gc

gc.disable()
