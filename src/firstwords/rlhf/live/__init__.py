"""Teach live: each choice trains the model at once."""
