"""What was done to tasks, by whom, and how it is undone."""
