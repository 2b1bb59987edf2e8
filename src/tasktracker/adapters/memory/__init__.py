"""Storage in this process's memory: for trying things out, for tests, and gone when the process ends."""
