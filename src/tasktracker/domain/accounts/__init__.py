"""Users, their sessions on devices, the tokens of sessions, and second factors."""
