"""Files and hub -> documents and conversations -> token shards -> batches. No torch here."""
