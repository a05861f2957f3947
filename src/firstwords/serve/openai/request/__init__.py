"""What clients may ask for: the schemas of requests, their limits, and prompts to token ids."""
