"""What people (and the built-in judge) prefer: records, formats and the log."""
