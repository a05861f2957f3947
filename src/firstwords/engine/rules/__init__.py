"""Rules for words: every word begins with one letter, or lacks one; there are so many of them; the last one rhymes.

`rules.py` checks what was requested; `words.py` makes one regular expression of it, which `engine/constraints.py`
follows; `rhymes.py` knows which words rhyme.
"""
