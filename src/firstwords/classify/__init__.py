"""The steps below a language model: a line, word embeddings, a network; `firstwords next` is the step after them.

songs.py     a straight line between two kinds of songs
sentiment.py words become numbers, and a line between those tells glad sentences from sad ones
network.py   layers, for what no line separates

Every step takes rows of numbers with one of two classes and gives a probability; what it returns is plain data.
"""
