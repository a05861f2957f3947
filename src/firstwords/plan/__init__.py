"""From minutes to numbers: model size, tokens, batch, learning rates, memory and threads."""
