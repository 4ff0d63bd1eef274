"""The precision that a network trains in, and why."""

from __future__ import annotations

import logging

import torch
from monai.utils import look_up_option

from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

_DTYPES = ("auto", "bfloat16", "float16")


def choose_precision(amp: bool, amp_dtype: str, device: torch.device | str) -> str | None:
    """The dtype of mixed precision, where it is asked for and of use; the reason is logged.

    ``"auto"``: bfloat16 on a GPU that has it, else float16; on a CPU bfloat16 where the processor has instructions for
    it (AVX512-BF16 or AMX), else none, as it would be emulated; none on MPS, where this package was never run in mixed
    precision.

    Args:
        amp: whether mixed precision is asked for.
        amp_dtype: ``"auto"``, ``"bfloat16"`` or ``"float16"``.
        device: where the network runs.

    Returns:
        ``"bfloat16"``, ``"float16"``, or None for full precision.

    Raises:
        InputError: when float16 is asked for on a CPU, where it has no gradient scaler and overflows.
        ValueError: when ``amp_dtype`` is unknown.
    """
    look_up_option(amp_dtype, _DTYPES)
    device = torch.device(device)
    if not amp:
        return None
    if device.type == "mps":
        logger.warning("amp: full precision, as mixed precision was never tried on MPS")
        return None
    if device.type == "cpu":
        return _on_cpu(amp_dtype)
    chosen = amp_dtype
    if amp_dtype == "auto":
        chosen = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    logger.info("amp: %s on %s", chosen, device)
    return chosen


def check_amp(amp: bool, device: torch.device | str) -> bool:
    """``amp``; the configs of runs that were made before :py:func:`choose_precision` ask for it by this name.

    Raises:
        InputError: when ``amp`` is set and the device is not CUDA, where MONAI's engines would silently ignore it.
    """
    if amp and torch.device(device).type != "cuda":
        raise InputError(f"amp works on CUDA only, the device is {device}: leave amp off, or choose a CUDA device")
    return amp


def _on_cpu(amp_dtype: str) -> str | None:
    if amp_dtype == "float16":
        raise InputError("amp_dtype float16 works on CUDA only: use bfloat16 or auto, or leave amp off")
    fast = _has_bfloat16()
    if amp_dtype == "bfloat16":
        if not fast:
            logger.warning("amp: bfloat16, as asked for; this processor has no instructions for it: likely slower")
        return amp_dtype
    if not fast:
        logger.warning("amp: full precision, as this processor has no bfloat16 instructions (AVX512-BF16, AMX)")
        return None
    logger.info("amp: bfloat16, which this processor has instructions for")
    return "bfloat16"


def _has_bfloat16() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):  # of an older torch: unknown counts as no
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
