"""Stages one and two, and what every stage shares: losses, optimizers, the learner, checkpoints, the run."""
