"""Who else sees a task, and who may change it."""
