"""Constrained answers: what an answer of a given shape may contain, and its shortest completion.

`regular.py` regular expressions as trees, parsed by `pattern.py`; `automaton.py` matches them and computes the shortest
path to an end; `strings.py` and `numbers.py` the texts of JSON strings and numbers; `shape.py` combines such texts;
`schema.py` converts a JSON schema to a shape, and `merging.py` merges its keywords; `closing.py` follows an answer
through its shape.
"""
