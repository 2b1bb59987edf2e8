"""What all features of the REST interface are built on."""
