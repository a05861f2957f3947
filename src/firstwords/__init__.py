"""firstwords: anybody teaches a language model to talk on their own machine."""

__version__ = "0.1.0"
