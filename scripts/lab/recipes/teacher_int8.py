"""The teacher itself, in ONNX with weights of 8 bits.

It reads a text as spacy-transformers does. Each window of spaCy's tokens goes through the encoder. A token is the mean
of its word pieces, a text the mean of its tokens. So each word piece has a share in the text's vector, which the
tokenizers decide alone, and the ONNX model adds up.
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

# A window: the number of its text, the ids of its word pieces, and the share of each in the text's vector.
Window = tuple[int, list[int], NDArray[Any]]
_INPUTS = ("input_ids", "attention_mask", "shares")
# Word pieces in a batch, padding included.
BATCH = 1536


def train(job: dict[str, Any]) -> None:
    """Export the teacher of a job, see the package."""
    teacher, folder = Path(job["teacher"]), Path(job["folder"])
    if (teacher / "why_not.txt").exists():
        raise ValueError((teacher / "why_not.txt").read_text(encoding="utf-8"))

    import onnx
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModel

    class Vectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            model = AutoModel.from_pretrained(
                teacher, attn_implementation="eager", trust_remote_code=False, use_safetensors=True
            )
            self.encoder = model.eval()

        def forward(self, input_ids: Any, attention_mask: Any, shares: Any) -> Any:
            hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            return (hidden * shares.unsqueeze(-1)).sum(1)

    example = (torch.ones(2, 8, dtype=torch.long), torch.ones(2, 8, dtype=torch.long), torch.full((2, 8), 0.125))
    axes = {name: {0: "windows", 1: "pieces"} for name in _INPUTS}
    exact = folder / "exact.onnx"
    with torch.no_grad():
        torch.onnx.export(
            Vectors(), example, str(exact), input_names=list(_INPUTS), output_names=["vectors"],
            dynamic_axes={**axes, "vectors": {0: "windows"}}, opset_version=17, dynamo=False,
        )  # fmt: skip
    onnx.checker.check_model(str(exact))
    quantize_dynamic(exact, folder / "model.onnx", weight_type=QuantType.QInt8)
    exact.unlink()
    for name in ("tokenizer.json", "head.npz", "teacher.json"):
        shutil.copyfile(teacher / name, folder / name)


def load(folder: str) -> Callable[[list[str]], list[int]]:
    """Return a function from texts to label indices."""
    scores = load_scores(folder)
    return lambda texts: [int(i) for i in scores(texts).argmax(axis=1)]


def load_scores(folder: str, model: str = "model.onnx") -> Callable[[Sequence[str]], NDArray[Any]]:
    """Return a function from texts to probabilities, shape (n_texts, n_labels)."""
    import onnxruntime
    import spacy
    from tokenizers import Tokenizer

    about = json.loads((Path(folder) / "teacher.json").read_text(encoding="utf-8"))
    pieces = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    pieces.no_padding()
    pieces.no_truncation()
    tokens = spacy.blank("xx").tokenizer
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(Path(folder) / model), options, providers=["CPUExecutionProvider"])
    with numpy.load(Path(folder) / "head.npz") as head:
        weights, bias = head["W"], head["b"]

    def predict(texts: Sequence[str]) -> NDArray[Any]:
        rows = [(i, *row) for i, text in enumerate(texts) for row in read_windows(tokens(text), pieces, about)]
        vectors = numpy.zeros((len(texts), weights.shape[1]), dtype="float32")
        for batch in make_batches(rows):
            found = session.run(None, pad([ids for _, ids, _ in batch], [shares for *_, shares in batch]))[0]
            numpy.add.at(vectors, [i for i, *_ in batch], found)
        logits = vectors @ weights.T + bias
        odds = numpy.exp(logits - logits.max(axis=1, keepdims=True))
        return numpy.asarray(odds / odds.sum(axis=1, keepdims=True))

    return predict


def read_windows(doc: Any, pieces: Any, about: dict[str, int]) -> list[tuple[list[int], NDArray[Any]]]:
    """Return the windows of a text: the ids of the word pieces of each, and the share of each in the text's vector.

    doc (Doc): The text, as spaCy tokenises it.
    pieces (Tokenizer): Makes word pieces.
    about (dict[str, int]): "window" and "stride", in tokens; "max_length", in word pieces.
    """
    ids: list[list[int]] = []
    # Token → its word pieces, each as the number of a window and of a piece.
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, (start, end) in enumerate(window_bounds(len(doc), about["window"], about["stride"])):
        span = doc[start:end]
        encoding = pieces.encode(span.text)
        ids.append(encoding.ids[: about["max_length"]])
        # The character after a token is the token's, too, unless another token begins there.
        owner = numpy.full(len(span.text) + 1, -1)
        for token in span:
            owner[token.idx - span.start_char : token.idx - span.start_char + len(token) + 1] = token.i
        for piece, (first, last) in enumerate(encoding.offsets[: about["max_length"]]):
            for token_i in sorted({int(i) for i in owner[first:last]} - {-1}):
                found[token_i].append((number, piece))
    shares = [numpy.zeros(len(window), dtype="float32") for window in ids]
    for places in found.values():
        for number, piece in places:
            shares[number][piece] += 1 / len(places) / len(found)
    return list(zip(ids, shares, strict=True))


def window_bounds(length: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Return first token and end of each window, as spacy-transformers.strided_spans.v1 has them."""
    bounds, start = [], 0
    for _ in range(length // stride):
        bounds.append((start, min(start + window, length)))
        if start + window >= length:
            return bounds
        start += stride
    return [*bounds, (start, length)] if start < length else bounds


def make_batches(
    rows: list[tuple[int, list[int], NDArray[Any]]],
) -> Iterator[list[tuple[int, list[int], NDArray[Any]]]]:
    """Yield rows of similar length together, as many as have `BATCH` word pieces or fewer."""
    batch: list[Window] = []
    for row in sorted(rows, key=lambda row: len(row[1])):
        if batch and len(row[1]) * (len(batch) + 1) > BATCH:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def pad(ids: list[list[int]], shares: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the inputs of the ONNX model, each of shape (n_windows, n_pieces)."""
    shape = (len(ids), max(map(len, ids)))
    inputs = {name: numpy.zeros(shape, dtype="float32" if name == "shares" else "int64") for name in _INPUTS}
    for i, (row, share) in enumerate(zip(ids, shares, strict=True)):
        inputs["input_ids"][i, : len(row)] = row
        inputs["attention_mask"][i, : len(row)] = 1
        inputs["shares"][i, : len(row)] = share
    return inputs
