"""Studies: what was measured once to decide something, kept so that it can be measured again."""
