"""What an answer of a given shape may look like, and how little would finish it.

`regular.py` regular expressions as trees, which `pattern.py` reads; `automaton.py` walks them and knows the shortest
way to an end; `strings.py` and `numbers.py` the texts of JSON's strings and numbers; `shape.py` puts such texts
together; `schema.py` makes a shape of a JSON schema, whose keywords `merging.py` brings together; `closing.py` follows
an answer through its shape.
"""
