"""The language model: shape (`config`), computation (`transformer`), files (`hub`) and key-value cache (`cache`)."""
