"""Documents: stored with their passages, searched, quoted as answers; and where a model's own words come from."""
