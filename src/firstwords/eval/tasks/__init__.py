"""Zero-shot evaluation: what a model does without having been trained for it, on files of questions."""
