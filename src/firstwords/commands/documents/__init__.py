"""Documents: adding and searching them, asking about them."""
