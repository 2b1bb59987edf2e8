"""Taking everything one has somewhere else, and bringing it in."""
