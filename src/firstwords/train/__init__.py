"""Training: pure parts (losses, schedule, budget, optim), verbs (learner, checkpoint) and the stages, one file each."""
