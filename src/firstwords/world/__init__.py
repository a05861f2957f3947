"""The built-in world: one small town, from which text, chats and an exam are made without limit.

Pure Python, no files read, everything deterministic from a seed. The town itself never changes (`town()`);
seeds only choose which documents are made about it.
"""
