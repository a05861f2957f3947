"""The version of the package, for those below `firstwords/__init__.py`."""

__version__ = "0.1.0"
