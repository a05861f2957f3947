"""Commands about training data."""
