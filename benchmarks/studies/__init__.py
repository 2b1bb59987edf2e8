"""Studies: measurements for single decisions, kept to be repeated. README.md lists them."""
