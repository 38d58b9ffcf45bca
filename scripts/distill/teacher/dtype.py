"""How exactly a transformer computes: float32, or bfloat16, which some processors do two to three times as fast."""

import functools
from typing import Any

import torch

AUTO, FLOAT32, BFLOAT16 = "auto", "float32", "bfloat16"
DTYPES = (AUTO, FLOAT32, BFLOAT16)


def choose_dtype(setting: str, gpu_id: int = -1) -> str:
    """Return the type to compute matrix products in.

    setting (str): One of `DTYPES`. "auto": bfloat16 where the processor has arithmetic for it. Elsewhere bfloat16 is
        slower, so "auto" is float32 there.
    gpu_id (int): The GPU, or -1 for CPU.
    RETURNS (str): "float32" or "bfloat16".
    RAISES (ValueError): If the setting is none of `DTYPES`.
    """
    if setting not in DTYPES:
        raise ValueError(f"dtype = {setting!r}. Supported: {', '.join(DTYPES)}")
    if setting != AUTO:
        return setting
    if gpu_id >= 0:
        return BFLOAT16 if torch.cuda.is_bf16_supported(including_emulation=False) else FLOAT32
    capabilities = torch.cpu.get_capabilities()
    return BFLOAT16 if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else FLOAT32


def compute_in(model: Any, dtype: str) -> None:
    """Let a transformer compute its matrix products in a type. Its output is float32 all the same, as thinc wants it.

    model (PreTrainedModel): The transformer; its `forward` is replaced.
    dtype (str): "float32" or "bfloat16", see `choose_dtype`.
    """
    if dtype == FLOAT32:
        return
    forward = model.forward

    @functools.wraps(forward)
    def forward_in_dtype(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(model.device.type, dtype=torch.bfloat16):
            output = forward(*args, **kwargs)
        return type(output)({key: value.float() if torch.is_tensor(value) else value for key, value in output.items()})

    model.forward = forward_in_dtype
