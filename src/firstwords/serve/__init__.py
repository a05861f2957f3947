"""The server: OpenAI's endpoints for the clients people have, and the page's own under /api."""
