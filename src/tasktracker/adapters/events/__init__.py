"""How a process learns that feeds have changed, by whichever process."""
