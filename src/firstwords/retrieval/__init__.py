"""Documents: stored with their passages, searched, and quoted as answers."""
