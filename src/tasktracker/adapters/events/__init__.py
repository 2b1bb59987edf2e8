"""Publishing changes of feeds, and notifying processes of them."""
