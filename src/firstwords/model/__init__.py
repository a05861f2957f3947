"""The language model: its shape (`config`), its mathematics (`transformer`), its files (`hub`) and its memory (`cache`)."""
