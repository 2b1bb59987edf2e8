"""Work in the background, in the server or in a process of its own: jobs, deliveries and the sweep."""
