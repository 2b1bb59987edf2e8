"""Users, their sessions on devices, and the tokens that stand for them."""
