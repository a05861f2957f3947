"""Stages one and two, and the code shared by all stages: losses, optimizers, the learner, checkpoints, the run."""
