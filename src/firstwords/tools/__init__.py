"""The built-in tools of our own chat: a calculator, a clock, unit conversion, and search in the stored documents."""
