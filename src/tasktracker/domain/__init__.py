"""The domain of Task Tracker: entities, services and ports. It imports the standard library only."""
