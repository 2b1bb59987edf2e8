"""Jobs: changes of many items, done in short pieces that any process can resume."""
