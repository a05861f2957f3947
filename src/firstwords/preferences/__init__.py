"""What people (and the built-in judge) prefer: records, formats, the log, pair selection."""
