"""The rules of Task Tracker: entities, services and ports, on the standard library alone."""
