"""The commands that inspect a model: each file has one dataclass (its flags) and one `main`."""
