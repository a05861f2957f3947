"""Models from elsewhere, and models for elsewhere: import, export, merge."""
