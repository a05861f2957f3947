"""The model and the sampler as compiled loops: see `kernels.py`."""
