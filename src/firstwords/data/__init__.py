"""Files and the hub -> documents and conversations -> token shards -> batches. No torch here."""
