"""What the domain needs of the outside, as it is here: storage, and security."""
