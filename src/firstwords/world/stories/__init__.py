"""How the built-in world tells stories: plots, their cast, and the telling."""
