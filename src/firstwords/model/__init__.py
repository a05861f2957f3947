"""The language model: its shape (`config`), mathematics (`transformer`), files (`hub`) and memory (`cache`)."""
