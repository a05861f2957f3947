"""Stage three: a reward model from preferences, a policy that follows it, and a measured comparison."""
