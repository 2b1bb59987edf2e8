"""Jobs: work on many items, done in short pieces that any process can resume."""
