"""int8 weights: a quarter of the memory to read per token, and a check whether a model keeps its quality with them.

Each output of a matrix has its own scale; activations stay in fp32. Rounding to 255 levels hardly changes most models,
but a matrix with a few very large weights loses its small ones.

Axes: O outputs, I inputs, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from firstwords.model.transformer import Transformer
from firstwords.tokenizer.fast import Tokenizer

LEVELS = 127  # on each side of zero
MAX_CHANGE = 0.005  # of the loss on the probe text; a model whose loss changes more stays in fp32
PROBE_TOKENS = 96
PROBE = """The old house stood at the end of the lane. In the morning Anna opened the window and looked at the garden.
It had rained all night, and the apples lay in the grass. "Shall we pick them up before breakfast?" she asked. Her
brother laughed. "There are more than two hundred of them, and only one basket." They counted 17 kinds of birds that
day, wrote their names into a book, and sent a letter to their uncle, who was a teacher in the nearest town."""


def quantised(weight_OI: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int8 weights, fp32 scale of each output) with weight = int8 * scale, rounded to the nearest level."""
    scale_O = np.abs(weight_OI).max(1) / LEVELS
    scale_O[scale_O == 0] = 1.0  # a row of zeros
    return np.rint(weight_OI / scale_O[:, None]).astype(np.int8), scale_O.astype(np.float32)


@torch.inference_mode()
def loss_change(model: Transformer, rounded_logits: Callable[[np.ndarray], Tensor], tokenizer: Tokenizer) -> float:
    """The difference between a loss on the probe text and the model's, as a fraction of the model's.

    rounded_logits: (T,) ids -> (T, V), of the same model with int8 weights.
    """
    length = min(PROBE_TOKENS, model.config.max_position_embeddings)
    ids_T = torch.tensor(tokenizer.encode(PROBE)[:length])
    if len(ids_T) < 2:
        return 0.0
    exact = F.cross_entropy(model(ids_T[None, :-1])[0], ids_T[1:])
    rounded = F.cross_entropy(rounded_logits(ids_T[:-1].numpy()), ids_T[1:])
    return abs(float(rounded / exact) - 1.0)
