"""What has happened around people's authentication."""
