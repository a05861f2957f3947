"""Documents: adding and searching them, asking about them; and tracing a text in what a model learned from."""
