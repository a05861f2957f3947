"""`firstwords classify`: three small tasks that show what machine learning is, before there is a language model."""
