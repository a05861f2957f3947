"""Prepares text of any size for pre-training, in parallel: `firstwords data prepare SOURCES --out DIR`.

    parts.py       sources -> parts (files, or files of a hub dataset) -> documents
    pieces.py      documents -> pieces: token ids with what is needed to join them, one file each
    duplicates.py  which documents repeat earlier ones
    joining.py     pieces -> token shards, held-out documents, manifest
    work.py        processes, tasks, resuming

A piece depends only on its source. So the shards are the same, byte for byte, whatever the number of processes and
tasks, and however often the work was interrupted.
"""
