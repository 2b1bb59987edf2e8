"""How changes to feeds are published, and how a process is notified of them."""
