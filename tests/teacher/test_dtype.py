from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

from scripts.distill.teacher.dtype import choose_dtype, compute_in


@pytest.mark.parametrize(
    "capabilities,expected",
    [
        ({"avx512_bf16": True}, "bfloat16"), ({"amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "avx2": True}, "float32"), ({}, "float32"),
    ],
)  # fmt: skip
def test_dtype_auto_is_what_the_processor_can(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_dtype("auto") == expected
    assert choose_dtype("float32") == "float32"
    assert choose_dtype("bfloat16") == "bfloat16"


def test_dtype_unknown_dtype_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"dtype = 'float16'\. Supported: auto, float32, bfloat16"):
        choose_dtype("float16")


def test_dtype_bfloat16_is_close_and_comes_out_as_float32() -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertModel(BertConfig(vocab_size=9, **sizes)).eval()
    ids = torch.tensor([[1, 2, 3]])
    exact = model(ids).last_hidden_state
    compute_in(model, "float32")
    assert torch.equal(model(ids).last_hidden_state, exact)
    compute_in(model, "bfloat16")
    rounded = model(ids).last_hidden_state
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().max() < 0.1
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
