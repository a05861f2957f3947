"""GGUF, the file format of llama.cpp: `file` reads one, `shapes` translates configurations, `reading` and `writing`."""
