"""torch's functions that attention is written with, by the part that they play in it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SOFTMAXES = {functional.softmax, torch.softmax, Tensor.softmax}
PRODUCTS = {
    torch.matmul,
    torch.bmm,
    torch.mm,
    Tensor.matmul,
    Tensor.bmm,
    Tensor.mm,
    Tensor.__matmul__,
    Tensor.__rmatmul__,
}
ADDED_PRODUCTS = {torch.baddbmm, Tensor.baddbmm}
SCALINGS = {torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__}
SUMS = {torch.sum, Tensor.sum}
EXPONENTS = {torch.exp, Tensor.exp, Tensor.exp_}
QUOTIENTS = {torch.div, Tensor.div, Tensor.div_, Tensor.__truediv__, Tensor.__itruediv__}
SAME_NUMBERS = {
    Tensor.to,
    Tensor.type_as,
    Tensor.type,
    Tensor.half,
    Tensor.bfloat16,
    Tensor.float,
    Tensor.contiguous,
    Tensor.clone,
    functional.dropout,
    torch.dropout,
    torch.clone,
}
"""What a softmax may go through on its way to the values and stay the same map."""
