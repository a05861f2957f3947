"""The command that plans training of any size."""
