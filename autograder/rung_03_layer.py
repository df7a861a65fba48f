"""Rung 03's `lora_linear` and `merge`: the layers they are asked about, the right answers, the mistakes with a name.

The right answers are worked out here in float64 with NumPy, or by hand, never with the learner's code or libraries
(arXiv 2106.09685, section 4.1: h = W x + (alpha / r) B A x).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograder.student_code import Answer, Call, tensor

# float32 keeps seven digits. A thousandth of each number, and three millionths of the largest for what cancels: no
# case holds a number below a thousandth of its largest, so this is below 1% of the smallest.
RELATIVE_TOLERANCE, CANCELLED = 1e-3, 3e-6
SMALLEST = 1e-3
X, WEIGHT, A, B = range(4)  # places of the arguments
GRADIENTS = (X, A, B)
NAMES = {X: "x", A: "lora_A", B: "lora_B"}


@dataclass(frozen=True)
class LayerCase:
    """One layer. Shapes: x [..., inputs], weight [outputs, inputs], lora_A [r, inputs], lora_B [outputs, r]."""

    name: str
    x: np.ndarray
    weight: np.ndarray
    lora_A: np.ndarray
    lora_B: np.ndarray
    alpha: float
    advice: str = ""

    def call(self, gradient_of: int | None = None) -> Call:
        """Return the call of `lora_linear`, asking for the gradient of one argument if wanted."""
        arrays = (self.x, self.weight, self.lora_A, self.lora_B)
        return Call((*(tensor(array.tolist(), "float32") for array in arrays), self.alpha), gradient_of)

    def merge_call(self) -> Call:
        """Return the call of `merge`."""
        arrays = (self.weight, self.lora_A, self.lora_B)
        return Call((*(tensor(array.tolist(), "float32") for array in arrays), self.alpha))

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray, int]:
        """W x, B A x and the rank, in float64."""
        x, weight, a, b = (part.astype(np.float64) for part in (self.x, self.weight, self.lora_A, self.lora_B))
        return x @ weight.T, x @ a.T @ b.T, len(a)


def right_output(case: LayerCase) -> np.ndarray:
    """Return W x + (alpha / r) B A x, float64 [..., outputs].

    By hand, with W = [[1, 2], [3, 4]], A = [[1, -1]], B = [[2], [0]], alpha = 2, so alpha / r = 2: x = (2, 0) gives
    W x = (2, 6), A x = 2, B A x = (4, 0), and (2, 6) + 2 (4, 0) = (10, 6); x = (1, 1) gives A x = 0, so W x = (3, 7).
    """
    base, update, rank = case.parts
    return base + case.alpha / rank * update


def right_merge(case: LayerCase) -> np.ndarray:
    """Return W + (alpha / r) B A, float64 [outputs, inputs]. For the layer by hand: [[5, -2], [3, 4]]."""
    a, b = case.lora_A.astype(np.float64), case.lora_B.astype(np.float64)
    return case.weight + case.alpha / len(a) * (b @ a)


def right_gradient(case: LayerCase, of: int) -> np.ndarray:
    """Return the gradient of the weighted sum of the outputs, in the shape of x, lora_A or lora_B.

    With g the weights (1 to 2, see `Call`), s = alpha / r: W^T g + s A^T B^T g, s B^T g x^T, s g (A x)^T.
    """
    x = case.x.reshape(-1, case.x.shape[-1]).astype(np.float64)
    a, b = case.lora_A.astype(np.float64), case.lora_B.astype(np.float64)
    count = len(x) * len(case.weight)
    g, s = np.linspace(1, 2, count).reshape(len(x), -1), case.alpha / len(a)
    if of == X:
        return (g @ case.weight + s * (g @ b @ a)).reshape(case.x.shape)
    return s * (g @ b).T @ x if of == A else s * g.T @ (x @ a.T)


def fits(values: list[float], right: np.ndarray) -> bool:
    """Return whether the flat `values` are those of `right`, number by number."""
    if len(values) != right.size:
        return False
    room = RELATIVE_TOLERANCE * np.abs(right) + CANCELLED * np.abs(right).max()
    return bool((np.abs(np.reshape(values, right.shape) - right) <= room).all())


def fault_of(answer: Answer, right: np.ndarray) -> str | None:
    """Return what is wrong with an answer that should be the tensor `right`, or None."""
    if answer.kind in ("value", "object"):
        return f"returned {answer.type_name}, expected a tensor"
    if fault := answer.fault():
        return fault
    if tuple(answer.shape) != right.shape:
        return f"returned a tensor of shape {answer.shape}, expected {list(right.shape)}"
    if not fits(answer.values, right):
        place = int(np.abs(np.reshape(answer.values, right.shape) - right).argmax())
        return f"number {place + 1} is {answer.values[place]:.4f}, right is {right.flat[place]:.4f}"
    return None


def by_hand() -> LayerCase:
    """Return the layer that `right_output` works out by hand."""
    x, weight = np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    return LayerCase("the layer of the example", x, weight, np.array([[1.0, -1.0]]), np.array([[2.0], [0.0]]), 2)


def value_cases(seed: int) -> list[LayerCase]:
    """Return the layer by hand and five random ones."""
    stream = np.random.default_rng(seed)
    return [by_hand(), *(random_case(stream, f"random layer {number + 1}") for number in range(5))]


def random_case(stream: np.random.Generator, name: str, **fixed: object) -> LayerCase:
    """Return a random layer without tiny outputs; sizes all differ, so that nothing can be exchanged."""
    while True:
        inputs, outputs, rank = (int(size) for size in stream.permutation([*range(3, 9)])[:3])
        case = LayerCase(
            name,
            _normal(stream, *fixed.get("batch", (4,)), inputs),
            _normal(stream, outputs, inputs),
            _normal(stream, fixed.get("rank", rank), inputs),
            _normal(stream, outputs, fixed.get("rank", rank)),
            float(fixed.get("alpha", stream.choice((5, 12, 24, 40)))),
            str(fixed.get("advice", "")),
        )
        outputs_and_base = [right_output(case), case.parts[0], right_merge(case)]
        rights = [*outputs_and_base, *(right_gradient(case, of) for of in GRADIENTS)]
        if all(np.abs(right).min() > SMALLEST * np.abs(right).max() for right in rights):
            return case


def edge_cases(seed: int) -> list[LayerCase]:
    """Return the edge cases that the exercise names."""
    stream = np.random.default_rng([seed, 1])
    batch = "x may have any number of leading dimensions: transpose the weights, not x."
    fresh = random_case(stream, "lora_B all zeros")
    zeros = np.zeros_like(fresh.lora_B)
    start = LayerCase(fresh.name, fresh.x, fresh.weight, fresh.lora_A, zeros, fresh.alpha, "Then it is the base.")
    return [
        start,
        random_case(stream, "one row without a batch dimension", batch=(), advice=batch),
        random_case(stream, "x of three dimensions", batch=(2, 3), advice=batch),
        random_case(stream, "rank 1", rank=1),
        random_case(stream, "alpha 0.5", alpha=0.5, advice="alpha need not be a whole number: use /, not //."),
    ]


def _normal(stream: np.random.Generator, *shape: int) -> np.ndarray:
    return stream.normal(size=shape).astype(np.float32)


# What a wrong formula gives for a layer, and what to say when the learner's numbers are exactly that.
Fault = tuple[Callable[[np.ndarray, np.ndarray, int, float], np.ndarray], str]
FAULTS: list[Fault] = [
    (lambda base, update, r, alpha: base + update, "The factor alpha / r before B A x is missing."),
    (lambda base, update, r, alpha: base + alpha * update, "Divide alpha by the rank, the rows of lora_A."),
    (lambda base, update, r, alpha: base + r / alpha * update, "The factor is alpha / r, not r / alpha."),
    (
        lambda base, update, r, alpha: base + alpha / r**0.5 * update,
        "That is rsLoRA's factor, alpha / sqrt(r): here it is alpha / r.",
    ),
    (lambda base, update, r, alpha: alpha / r * (base + update), "Scale the update only, not W x."),
    (lambda base, update, r, alpha: alpha / r * update, "This is the update alone: add W x."),
    (lambda base, update, r, alpha: base, "This is the base alone: add (alpha / r) B A x."),
    (lambda base, update, r, alpha: base - alpha / r * update, "The update is added, not taken away."),
]


def named_fault(cases: list[LayerCase], answers: list[Answer], merging: bool = False) -> str:
    """Return the mistake that gives exactly these answers to all cases, or "" when none of the known ones does."""
    for formula, words in FAULTS:
        wrong = [formula(*(_merge_parts(case) if merging else case.parts), case.alpha) for case in cases]
        if all(fits(answer.values, values) for answer, values in zip(answers, wrong, strict=True)):
            return words
    return ""


def _merge_parts(case: LayerCase) -> tuple[np.ndarray, np.ndarray, int]:
    a, b = case.lora_A.astype(np.float64), case.lora_B.astype(np.float64)
    return case.weight.astype(np.float64), b @ a, len(a)
