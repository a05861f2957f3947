"""The command that writes stories and essays."""
