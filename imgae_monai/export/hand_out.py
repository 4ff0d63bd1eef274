"""Hand out what was clipped from histograms, by a loop that each exporter gets in the form that it knows."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch._higher_order_ops import while_loop


def hand_out(bins: torch.Tensor, clip: int, counts: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """Add what is left to the bins of each histogram that have room, in the order of scikit-image's ``clip_histogram``.

    There, a pass goes over the bins, and from the bin where it is, one more goes to every s-th bin that has room, s
    being how many have room a count that is left; passes follow until nothing is left. A bin from which none would get
    any is passed over at once here, and all histograms go on together: that takes some ten rounds. Float32 holds these
    whole numbers, and the whole part of their quotients, exactly.

    Args:
        bins: 0, 1, ..., K - 1, float32.
        clip: the most that a bin takes.
        counts: shape (..., K), float32, at most ``clip``.
        left: shape (..., 1), float32; not above 0 where nothing is left.

    Returns:
        the same shape as ``counts``.

    Example:
        >>> hand_out(torch.arange(6.0), 1, torch.tensor([1.0, 0, 0, 0, 0, 0]), torch.tensor([2.0])).tolist()
        [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    """
    state = counts, left, torch.zeros_like(left)
    if torch.compiler.is_compiling():  # or exporting; on the spot this operator would call a compiler
        return while_loop(_goes_on, lambda *now: _round(bins, clip, *now), state)[0]
    loop: Callable = _scripted_loop() if torch.jit.is_tracing() else _loop
    return loop(bins, clip, *state)


def _goes_on(counts: torch.Tensor, left: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    return (left > 0).any()


def _round(
    bins: torch.Tensor, clip: int, counts: torch.Tensor, left: torch.Tensor, start: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One more for some bins of each histogram; ``start`` (..., 1) is where the pass over the bins has come to."""
    n_bins = bins.shape[0]
    room = counts < clip
    step = (room.sum(-1, keepdim=True) / left.clamp_min(1)).floor().clamp_min(1)
    offset = bins - start
    ahead = offset >= 0
    # a bin behind comes in the next pass, which starts at the first one
    turn = torch.fmod(torch.where(ahead, offset, bins + torch.zeros_like(offset)), step)
    turn = torch.where(ahead, turn, turn + n_bins)
    turn = torch.where(room, turn, torch.full_like(turn, 2 * n_bins))
    first = turn.amin(-1, keepdim=True)
    taken = ((turn == first) & room & (left > 0)).float()
    # where no bin has room, what is left is dropped
    after = torch.where(first < 2 * n_bins, left - taken.sum(-1, keepdim=True), torch.zeros_like(left))
    return counts + taken, after, torch.where(first < n_bins, start + first, first - n_bins) + 1


def _loop(bins: torch.Tensor, clip: int, counts: torch.Tensor, left: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    while bool((left > 0).any()):
        counts, left, start = _round(bins, clip, counts, left, start)
    return counts


@functools.cache
def _scripted_loop() -> Callable:
    """The loop for a trace, which would otherwise hold as many rounds as the example took."""
    return torch.jit.script(_loop)
