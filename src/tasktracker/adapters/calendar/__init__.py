"""Calendar rules."""
