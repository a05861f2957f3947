"""The commands that look at a model: one file, one dataclass (its flags) and one `main` each."""
