"""Documents: adding and searching them, asking about them, tracing words to the training text."""
