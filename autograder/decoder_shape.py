"""What an adapter's shapes tell of a base that is not at hand: whether they can be those of one decoder at all."""

import re

from autograder.adapter import Adapter
from shared.model_shape import PROJECTIONS

_NAME = re.compile(r"model\.layers\.(?P<layer>\d+)\.(?P<part>self_attn|mlp)\.(?P<projection>\w+)\.weight")
_IN_ATTENTION = PROJECTIONS[:4]
_READ_HIDDEN = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
Shape = tuple[int, int]


def decoder_fault(adapter: Adapter) -> str | None:
    """Return why these cannot be the linear layers of one decoder, or None.

    Every layer from 0 on has the same projections, of the same shapes; those that read the residual stream and those
    that write it agree on its width.
    """
    layers: dict[int, dict[str, Shape]] = {}
    for name in adapter.modules:
        found = _NAME.fullmatch(name)
        if found is None or (found["part"] == "self_attn") != (found["projection"] in _IN_ATTENTION):
            return f"{name} is no linear layer of a decoder"
        layers.setdefault(int(found["layer"]), {})[found["projection"]] = adapter.shape_of(name)
    if sorted(layers) != list(range(len(layers))):
        return f"layers {min(layers)} to {max(layers)} are not all there"
    if odd := next((number for number, shapes in layers.items() if shapes != layers[0]), None):
        return f"layer {odd} is not shaped as layer 0"
    widths = {shape[1] if name in _READ_HIDDEN else shape[0] for name, shape in layers[0].items()}
    return None if len(widths) == 1 else f"the projections do not agree on the hidden width: {sorted(widths)}"
