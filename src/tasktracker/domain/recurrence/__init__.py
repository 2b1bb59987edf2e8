"""Recurrence: the rules by which a task is due again."""
