"""Stage three: a reward model from preferences, a policy trained on it, and a measured comparison."""
