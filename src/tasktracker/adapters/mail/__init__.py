"""Mail: writing letters, and sending them to a relay or storing them in a folder."""
