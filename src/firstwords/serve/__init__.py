"""The server: OpenAI-compatible endpoints for existing clients, and the page's own under /api."""
