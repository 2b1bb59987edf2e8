"""Deliveries: messages to users, stored with their cause and sent by a worker."""
