"""Background tasks, in the server or in a separate process: jobs, deliveries and the sweep."""
