"""The built-in world: one small town, from which unlimited text and chats and an exam are generated.

Pure Python, no files, everything deterministic given a seed. The town itself never changes: `town()` is all of it, and
`town("small")` the part that a model can learn in minutes. Seeds only choose the documents about it.
"""
