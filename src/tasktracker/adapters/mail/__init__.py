"""Mail: writing letters, and handing them over to a relay or a folder."""
