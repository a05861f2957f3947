"""One reader per file type: bytes to text, and rows of tables to Python objects."""
