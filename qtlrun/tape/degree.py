"""Proof from autograd's graph that a number is affine or quadratic in its leaves."""

import re
from math import inf
from typing import Any

from torch import Tensor
from torch.autograd.graph import Node

# Names of torch's own nodes; a function of the user's has no number
BUILT_IN = re.compile(r"(\w+?)Backward\d+")
LINEAR = frozenset(
    [
        "Add",
        "Sub",
        "Rsub",
        "Neg",
        "Sum",
        "Mean",
        "Cumsum",
        "Trace",
        "Select",
        "Slice",
        "Index",
        "IndexSelect",
        "Gather",
        "Unbind",
        "Split",
        "SplitWithSizes",
        "Narrow",
        "View",
        "ReshapeAlias",
        "UnsafeView",
        "Expand",
        "Repeat",
        "Squeeze",
        "Unsqueeze",
        "T",
        "Transpose",
        "Permute",
        "Flip",
        "Roll",
        "Stack",
        "Cat",
        "Clone",
        "Alias",
        "Tril",
        "Triu",
        "Diagonal",
        "ConstantPadNd",
        "ToCopy",
        "Real",
        "Imag",
        "Conj",
        "ConjPhysical",
        "ResolveConj",
        "Complex",
        "ViewAsReal",
        "ViewAsComplex",
        "Unfold",
        "Lift",
        "LiftFresh",
    ]
)
PRODUCT = frozenset(["Mul", "Mm", "Mv", "Bmm", "Dot", "Vdot"])
# The summand comes first
SUM_OF_PRODUCT = frozenset(["Addmm", "Addmv", "Addbmm", "Baddbmm", "Addcmul", "Addr"])


class Degree:
    """Degrees of polynomials in the leaves of autograd's graph: 0, 1, 2, else infinity.

    Infinity stands for whatever is not proved. What a node's result is follows from its kind alone,
    at every point: sums, selections and constant factors keep a degree, products add theirs.
    Constants must be constants: what is computed from the leaves without a gradient is for the
    caller to find (`Watch.bent`).
    """

    def __init__(self, *leaves: Tensor):
        self._leaves = {id(leaf) for leaf in leaves}
        self._degrees: dict[Node, float] = {}

    def of(self, value: object) -> float:
        """The degree of a number or a tensor, the highest of its elements."""
        if not isinstance(value, Tensor) or not value.requires_grad:
            return 0
        if value.grad_fn is None:
            return 1 if id(value) in self._leaves else inf
        return self._node(value.grad_fn)

    def _node(self, top: Node) -> float:
        """Degree of a node, its inputs first: graphs are deeper than Python's stack."""
        waiting = [top]
        while waiting:
            node = waiting[-1]
            inputs = [other for other, _ in node.next_functions if other is not None]
            unproved = [other for other in inputs if other not in self._degrees]
            if unproved and node not in self._degrees:
                waiting += unproved
                continue
            if node not in self._degrees:
                self._degrees[node] = self._judge(node)
            waiting.pop()
        return self._degrees[top]

    def _judge(self, node: Any) -> float:  # torch declares no saved values of a node's
        degrees = [0 if other is None else self._degrees[other] for other, _ in node.next_functions]
        if not degrees:
            is_leaf = "AccumulateGrad" in node.name() and id(node.variable) in self._leaves
            return 1 if is_leaf else inf
        match = BUILT_IN.fullmatch(node.name())
        kind = match[1] if match else ""
        if kind in LINEAR:
            degree = max(degrees)
        elif kind in PRODUCT:
            degree = sum(degrees)
        elif kind in SUM_OF_PRODUCT:
            degree = max(degrees[0], sum(degrees[1:]))
        elif kind == "Div" and degrees[1:] in ([], [0]):
            degree = degrees[0]
        elif kind == "Pow" and len(degrees) == 1 and node._saved_exponent in (1, 2):
            degree = degrees[0] * node._saved_exponent
        else:
            degree = inf
        return degree if degree <= 2 else inf
