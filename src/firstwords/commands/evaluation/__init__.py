"""The commands that measure a model: `eval` and `report`."""
