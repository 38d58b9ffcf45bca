"""What `spacy train` needs to fine-tune a transformer on a CPU: frozen layers, a rate for each part, even batches."""

import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.training import Corpus, Example
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

    What is frozen costs no memory for gradients and no time in the optimizer. Layers are frozen from below, and the
    embeddings with them, so that nothing is backpropagated through the frozen layers. All this holds for this training
    alone: nothing of it is saved.

    freeze_word_embeddings (bool): Whether the word embeddings stay as they are. They are four fifths of the parameters
        of multilingual-e5-small.
    freeze_layers (float): The share of the layers that stay as they are, the lowest ones: from 0 to below 1. About a
        third is a good value.
    dtype (str): What matrix products are computed in, see `choose_dtype`. The parameters are float32 all the same.
    RETURNS (Callable): The callback. It raises ValueError if the pipeline has no transformer.
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

    encoder (PreTrainedModel): The encoder, any that transformers has. `requires_grad` of its parameters is changed.
    word_embeddings (bool): Whether the word embeddings stay.
    layers (float): The share of the layers that stay, the lowest ones, from 0 to below 1; their number is rounded
        down. If a layer stays, all parameters outside the layers with "embedding" in their name stay, too.
    RAISES (ValueError): If `layers` is not from 0 to below 1.
    """
    if not 0 <= layers < 1:
        raise ValueError(f"freeze_layers must be a share of the layers, from 0 to below 1. Found: {layers}")
    # Layers are numbered from 0: there is one more than the highest number.
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
    """Return the number of the layer that a parameter belongs to; None for one outside the layers."""
    found = _LAYER_NUMBER.search(name)
    return int(found[1]) if found else None


class PartwiseOptimizer(Optimizer):
    """thinc's optimizer with another learning rate for what stands on top of a torch model."""

    def __init__(self, *args: Any, head_scale: float, **kwargs: Any) -> None:
        """Create the optimizer.

        head_scale (float): What the learning rate is multiplied with for thinc's own layers, above 0.
        *args, **kwargs (Any): The arguments of thinc's `Optimizer`.
        """
        super().__init__(*args, **kwargs)
        self.head_scale = head_scale

    def __call__(
        self, key: KeyT, weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> tuple[FloatsXd, FloatsXd]:
        """Change weights, as thinc's `Optimizer` does.

        The name of a parameter tells where it belongs: names of torch's parameters have dots in them, thinc's have not.
        """
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

    What is saved and scored are, for the classifier, thinc's averages of its weights over the updates. The weights of a
    torch encoder are not averaged.

    Adam: Kingma & Ba 2015. Decoupled weight decay: Loshchilov & Hutter 2019.

    learn_rate (float | Schedule): The encoder's learning rate, or a schedule of it. 3e-5 to 1e-4 are good values.
    head_scale (float): The classifier's rate is this many times the encoder's. The classifier starts from nothing, and
        has few updates to get somewhere. 10 to 50 are good values.
    beta1, beta2, eps, grad_clip (float): As of thinc's `Adam.v1`.
    L2 (float): Weight decay, 0 or more; 0.01 is a good value.
    RETURNS (Optimizer): The optimizer.
    """
    return PartwiseOptimizer(
        learn_rate, L2=L2, beta1=beta1, beta2=beta2, eps=eps, grad_clip=grad_clip, L2_is_weight_decay=True,
        head_scale=head_scale,
    )  # fmt: skip


@spacy.registry.augmenters("distill.cut.v1")
def create_cut(max_tokens: int) -> Callable[[Language, Example], Iterator[Example]]:
    """Create an augmenter for `[corpora.train]` that cuts long texts, so that a batch of them fits into memory.

    An encoder that learns keeps what all of its layers compute: of 32 texts of 1,000 words that is some 20 GB.

    max_tokens (int): Tokens of a text that are kept, the first ones; 1 or more. 192 are one window of
        configs/teacher.cfg.
    RETURNS (Callable): The augmenter. It yields one example for each.
    RAISES (ValueError): If `max_tokens` is below 1.
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


@spacy.registry.readers("distill.SampleCorpus.v1")
def create_sample_corpus(path: Path, limit: int) -> Callable[[Language], Iterator[Example]]:
    """Create a reader for `[corpora.dev]` that reads some of a corpus, evenly spread over it.

    An encoder reads 20 to 40 texts/s on a CPU: thousands of dev texts at each evaluation take longer than the training.
    `spacy.Corpus.v1` has a limit as well, but it takes the first texts, which are all of one language.

    path (Path): The .spacy file.
    limit (int): Texts at most, 1 or more. With 1,000, an accuracy of 90 % has a standard error of 1 point.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. It yields the same texts in each epoch.
    RAISES (ValueError): If `limit` is below 1.
    """
    if limit < 1:
        raise ValueError(f"distill.SampleCorpus.v1: limit must be 1 or more, found {limit}")
    corpus = Corpus(path)

    def read(nlp: Language) -> Iterator[Example]:
        examples = list(corpus(nlp))
        wanted = min(limit, len(examples))
        return (examples[i * len(examples) // wanted] for i in range(wanted))

    return read


@spacy.registry.batchers("distill.batch_by_length.v1")
def create_batch_by_length(size: int, buffer: int = 16) -> Callable[[Iterable[Example]], Iterator[list[Example]]]:
    """Create a batcher that puts texts of similar length together: so little of a batch is padding.

    All batches but one have the same number of texts, so the number of updates follows from the number of texts.

    size (int): Texts in a batch, 1 or more. 32 is a good value.
    buffer (int): Batches that are sorted at a time, 1 or more. These batches then come in random order. With more of
        them there is less padding, but an epoch is less random.
    RETURNS (Callable): The batcher. It takes examples, and yields batches of them.
    RAISES (ValueError): If `size` or `buffer` is below 1.
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
