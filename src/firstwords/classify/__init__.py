"""The steps before a language model: a line, word embeddings, a network; `firstwords next` is the step after them.

songs.py     a straight line between two kinds of songs
sentiment.py words become numbers, and a line between them separates glad sentences from sad ones
network.py   layers, for data that no line separates

Every step takes rows of numbers in two classes and gives a probability; results are plain data.
"""
