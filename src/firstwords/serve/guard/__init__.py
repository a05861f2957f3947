"""Checks before every request: protocol limits, allowed hosts and origins, keys, security headers."""
