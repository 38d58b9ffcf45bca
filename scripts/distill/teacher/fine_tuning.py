"""What `spacy train` needs to fine-tune a transformer on a CPU: frozen layers, a rate for each part, even batches."""

import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import spacy
from spacy.language import Language
from spacy.training import Example
from thinc.api import Optimizer
from thinc.optimizers import KeyT
from thinc.types import FloatsXd

from .dtype import AUTO, choose_dtype, compute_in
from .pooling import find_transformer

# The number of a layer in the name of its parameters: encoder.layer.3.output.dense.weight, h.3.mlp.c_fc.weight.
_LAYER_NUMBER = re.compile(r"\.(\d+)\.")


@spacy.registry.callbacks("distill.set_up_encoder.v1")
def create_set_up_encoder(
    freeze_word_embeddings: bool = True, freeze_layers: float = 0.0, dtype: str = AUTO
) -> Callable[[Language], Language]:
    """Create an `[initialize.after_init]` callback that makes the training of an encoder cheaper.

    What is frozen costs no memory for gradients and no time in the optimizer. Layers are frozen from below, and all
    embeddings with them, so that nothing is backpropagated through them. All this holds for this training alone:
    nothing of it is saved.

    freeze_word_embeddings (bool): Whether the word embeddings stay as they are: four fifths of a multilingual
        encoder's parameters.
    freeze_layers (float): The share of the layers that stay as they are, the lowest ones: from 0 to below 1.
    dtype (str): What matrix products are computed in, see `choose_dtype`; the parameters are float32 all the same.
    """

    def set_up_encoder(nlp: Language) -> Language:
        transformer = find_transformer(nlp)
        if transformer is None:
            raise ValueError("distill.set_up_encoder.v1 needs a pipeline with a transformer, see configs/teacher.cfg")
        encoder = transformer.transformer
        freeze(encoder, word_embeddings=freeze_word_embeddings, layers=freeze_layers)
        device = encoder.device
        compute_in(encoder, choose_dtype(dtype, device.index or 0 if device.type == "cuda" else -1))
        return nlp

    return set_up_encoder


def freeze(encoder: Any, *, word_embeddings: bool, layers: float) -> None:
    """Keep parts of an encoder as they are in training.

    encoder (PreTrainedModel): The encoder, any that transformers has; its parameters are changed.
    word_embeddings (bool): Whether the word embeddings stay.
    layers (float): The share of the layers that stay, the lowest ones, rounded down.
    RAISES (ValueError): If that is not a share that leaves a layer to learn.
    """
    if not 0 <= layers < 1:
        raise ValueError(f"freeze_layers must be a share of the layers, from 0 to below 1. Found: {layers}")
    numbers = [_layer_number(name) for name, _ in encoder.named_parameters()]
    frozen = int(layers * (1 + max((number for number in numbers if number is not None), default=-1)))
    if word_embeddings:
        encoder.get_input_embeddings().requires_grad_(False)
    if frozen:
        for name, parameter in encoder.named_parameters():
            number = _layer_number(name)
            if number < frozen if number is not None else "embedding" in name:
                parameter.requires_grad_(False)


def _layer_number(name: str) -> int | None:
    found = _LAYER_NUMBER.search(name)
    return int(found[1]) if found else None


class PartwiseOptimizer(Optimizer):
    """thinc's optimizer with another learning rate for what stands on top of a torch model."""

    def __init__(self, *args: Any, head_scale: float, **kwargs: Any) -> None:
        """Create the optimizer.

        head_scale (float): What the learning rate is multiplied with for thinc's own layers.
        """
        super().__init__(*args, **kwargs)
        self.head_scale = head_scale

    def __call__(
        self, key: KeyT, weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> tuple[FloatsXd, FloatsXd]:
        """Change weights; a parameter of a torch model has a name with dots in it, one of thinc's has not."""
        head = "." not in str(key[1])
        return super().__call__(key, weights, gradient, lr_scale=lr_scale * (self.head_scale if head else 1.0))


@spacy.registry.optimizers("distill.PartwiseAdam.v1")
def create_partwise_adam(
    learn_rate: Any,
    head_scale: float = 1.0,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    L2: float = 0.0,
    grad_clip: float = 1.0,
) -> Optimizer:
    """Create Adam with decoupled weight decay and a learning rate of its own for the classifier on top of an encoder.

    thinc averages the classifier's weights over the updates, which are saved and scored; a torch encoder's it does not.

    learn_rate (float | Sequence[float]): Of the encoder: a rate or a schedule.
    head_scale (float): The classifier's rate is this many times the encoder's: it starts from nothing, and has few
        updates to get somewhere. 10 to 50 are good values.
    beta1, beta2, eps, L2, grad_clip: As of thinc's `Adam.v1`; L2 is weight decay.
    """
    return PartwiseOptimizer(
        learn_rate, L2=L2, beta1=beta1, beta2=beta2, eps=eps, grad_clip=grad_clip, L2_is_weight_decay=True,
        head_scale=head_scale,
    )  # fmt: skip


@spacy.registry.augmenters("distill.cut.v1")
def create_cut(max_tokens: int) -> Callable[[Language, Example], Iterator[Example]]:
    """Create an augmenter for `[corpora.train]` that cuts long texts, so that a batch of them fits into memory.

    An encoder that learns keeps what all of its layers compute: of 32 texts of 1,000 words that is some 20 GB.

    max_tokens (int): Tokens of a text that are kept, the first ones.
    """
    if max_tokens < 1:
        raise ValueError(f"distill.cut.v1: max_tokens must be 1 or more, found {max_tokens}")

    def cut(nlp: Language, example: Example) -> Iterator[Example]:
        doc = example.reference
        if len(doc) <= max_tokens:
            yield example
            return
        text = doc[:max_tokens].text
        short = nlp.make_doc(text)
        short.cats = doc.cats
        yield Example(nlp.make_doc(text), short)

    return cut


@spacy.registry.batchers("distill.batch_by_length.v1")
def create_batch_by_length(size: int, buffer: int = 16) -> Callable[[Iterable[Example]], Iterator[list[Example]]]:
    """Create a batcher that puts texts of similar length together: so little of a batch is padding.

    All batches but the last have the same number of texts, so the number of updates follows from the number of texts.

    size (int): Texts in a batch.
    buffer (int): Batches that are sorted at a time; they then come in random order.
    """
    if size < 1 or buffer < 1:
        raise ValueError(f"distill.batch_by_length.v1: size and buffer must be 1 or more, found {size} and {buffer}")
    rng = random.Random(0)

    def batch_by_length(examples: Iterable[Example]) -> Iterator[list[Example]]:
        rest = iter(examples)
        while group := list(itertools.islice(rest, size * buffer)):
            group.sort(key=len)
            batches = [group[start : start + size] for start in range(0, len(group), size)]
            rng.shuffle(batches)
            yield from batches

    return batch_by_length
