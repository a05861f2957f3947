"""Preferences of people and of the built-in judge: records, formats and the log."""
