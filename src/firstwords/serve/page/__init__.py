"""The page's own routes, under /api."""
