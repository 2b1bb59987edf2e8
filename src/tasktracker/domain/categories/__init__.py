"""Categories, under which users file their own tasks."""
