"""One reader for each kind of file: bytes to text, and rows of tables to Python objects."""
