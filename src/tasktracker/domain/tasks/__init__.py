"""Tasks, and the rights of users in them."""
