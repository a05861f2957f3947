"""Training on several processes, GPUs and machines: with one process, everything in here does nothing."""
