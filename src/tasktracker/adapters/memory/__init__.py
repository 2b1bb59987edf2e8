"""Storage in the memory of this process, for trials and tests. All data is lost when the process ends."""
