"""One engine for chat, server, evaluation and rollouts: many prompts in, tokens with exact log-probabilities out."""
