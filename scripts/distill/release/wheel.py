"""Build the student's wheel, and try it in an environment that holds nothing but spaCy."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy
import spacy
import srsly

from ..core.files import hash_file, hash_folder, replace_folder, replacing_folder, temporary_folder
from ..core.messages import run_again
from ..core.variables import check_package
from ..evaluate.comparison import STUDENT
from ..teacher.teachers import fingerprint_pipeline
from . import serving
from .card import describe_scores, summarize, write_card
from .sbom import add_sbom, make_sbom

# By how much a score of the wheel may differ from that of the export.
TOLERANCE = 1e-6

# Texts that spaCy alone stops at, or gives no answer to, among others.
HARD = ["", "a", "", " \n", "\x00", "\ud800", "a"]

# What runs in the clean environment: it reads two lists of texts and prints what it found, as JSON.
_TRY = """
import importlib.util, json, sys, time
start = time.perf_counter()
import spacy
nlp = spacy.load(sys.argv[1])
seconds = time.perf_counter() - start
texts, hard = json.load(sys.stdin)
print(json.dumps({
    "spacy": spacy.__version__,
    "torch_importable": importlib.util.find_spec("torch") is not None,
    "load_seconds": seconds,
    "cats": [doc.cats for doc in nlp.pipe(texts)],
    "hard": [sum(doc.cats.values()) for doc in nlp.pipe(hard)],
    "tokenizer_cache": getattr(nlp.tokenizer, "max_cache_size", None),
}))
"""


class WheelError(OSError):
    """The wheel can't be built, installed or loaded, or it does not do what the export does."""


def build_wheel(model: Path, packages: Path, evaluation: Mapping[str, Any]) -> Path:
    """Package a pipeline as a wheel. An older package of the same name and version is removed.

    model (Path): The folder of the exported student.
    packages (Path): The folder to write <lang>_<name>-<version>/dist/*.whl to.
    evaluation (Mapping[str, Any]): The contents of metrics/evaluation.json. The student's scores go into the package's
        meta.json.
    RETURNS (Path): The wheel.
    RAISES (WheelError): If `spacy package` fails, or does not make exactly one wheel.
    RAISES (OSError): If the disk is full, see `naming_full_disk`.
    RAISES (SettingsError): If the student's name or version is none that a package can have, such as a path.
    """
    meta = srsly.read_json(model / "meta.json")
    check_package(meta["lang"], meta["name"], meta["version"])
    meta["evaluation"] = summarize(evaluation)
    meta["notes"] = describe_scores(meta["evaluation"])
    package = _package_name(meta)
    with temporary_folder(packages / package) as folder:
        temporary = folder.resolve()
        copy = shutil.copytree(model, temporary / "model")
        srsly.write_json(copy / "meta.json", meta)
        # spaCy takes a README that is there; its own one calls the scores on dev "Accuracy".
        (copy / "README.md").write_text(write_card(meta), encoding="utf-8")
        command = [sys.executable, "-m", "spacy", "package", str(copy), str(temporary), "--require-parent",
                   "--code", serving.__file__, "--build", "none"]  # fmt: skip
        run_command(command, str(temporary))
        init = temporary / package / f"{meta['lang']}_{meta['name']}" / "__init__.py"
        init.write_text(_make_ready(init.read_text(encoding="utf-8")), encoding="utf-8")
        said = run_command([sys.executable, "-m", "build", package, "--wheel"], str(temporary))
        wheels = list((temporary / package / "dist").glob("*.whl"))
        if len(wheels) != 1:
            raise WheelError(f"{len(wheels)} wheels were made for {package}. The log says:\n{said}")
        add_sbom(wheels[0], make_sbom(meta))
        replace_folder(temporary / package, packages / package)
    return packages / package / "dist" / wheels[0].name


def _make_ready(code: str) -> str:
    """Change the `load` that `spacy package` writes, so that it calls `make_ready`."""
    plain = "return load_model_from_init_py(__file__, **overrides)"
    if code.count(plain) != 1:
        raise WheelError(f"spacy package wrote a package whose load can't be changed:\n{code}")
    return code.replace(plain, "return serving.make_ready(load_model_from_init_py(__file__, **overrides))")


def check_name(model: Path, expected: str) -> None:
    """Check that an exported student has the name that a command was given by its variables.

    model (Path): The folder of the exported student.
    expected (str): The name: <lang>_<name>-<version>.
    RAISES (WheelError): If the student has another name; the message has the variables to give.
    """
    meta = srsly.read_json(model / "meta.json")
    if (found := _package_name(meta)) != expected:
        variables = " ".join(f"--vars.{name} {meta[name]}" for name in ("lang", "name", "version"))
        raise WheelError(
            f"{model} is {found}, this command was given {expected} (variables are not remembered between calls). Run "
            f"it with: {variables}"
        )


def check_evaluation(model: Path, evaluation: Mapping[str, Any]) -> None:
    """Check that an evaluation is of this student, as it is now, and of the test texts.

    model (Path): The folder of the exported student.
    evaluation (Mapping[str, Any]): The contents of metrics/evaluation.json.
    RAISES (WheelError): If it is of another model, or of another split.
    """
    if evaluation.get("split") != "test":
        raise WheelError(
            f"The evaluation is of the {evaluation.get('split')} texts. A wheel says how good the student is on "
            f"the test texts. {run_again('evaluate')}"
        )
    measured = evaluation.get("fingerprints", {}).get(STUDENT)
    if measured != fingerprint_pipeline(hash_folder(model), evaluation.get("labels", [])):
        raise WheelError(f"The evaluation is of another student than {model}. {run_again('evaluate')}")


def _package_name(meta: Mapping[str, Any]) -> str:
    return f"{meta['lang']}_{meta['name']}-{meta['version']}"


def verify_wheel(
    wheel: Path, model: Path, texts: Sequence[str], constraints: Path, folder: Path
) -> dict[str, Any]:  # fmt: skip
    """Install a wheel in a new virtual environment and compare its scores with the export's.

    wheel (Path): The wheel.
    model (Path): The folder of the export that the wheel was made from.
    texts (Sequence[str]): The texts to classify, one or more.
    constraints (Path): A file of versions for pip.
    folder (Path): An existing folder, where the environment is made.
    RETURNS (dict[str, Any]): What was found: the contents of metrics/verify.json.
    RAISES (WheelError): If the installation fails, the package can't be loaded, torch can be imported in the
        environment, the labels differ, a score differs by more than 1e-6, or the wheel has no answer for an empty
        text or another of `HARD`.
    """
    meta = srsly.read_json(model / "meta.json")
    package = f"{meta['lang']}_{meta['name']}"
    expected = [doc.cats for doc in spacy.load(model).pipe(texts)]
    python = _make_environment(folder.resolve())
    # pip wants the hash of all that it installs if the constraints have hashes.
    hashed = f"{wheel.resolve().as_uri()}#sha256={hash_file(wheel)}"
    _install(python, ["-c", str(constraints.resolve()), hashed], str(folder))
    given = json.dumps([texts, HARD])
    found = json.loads(run_command([python, "-I", "-c", _TRY, package], str(folder), stdin=given))
    if found["torch_importable"]:
        raise WheelError(f"{wheel}: torch is importable in the environment of the package, which must not need it")
    pairs = list(zip(expected, found["cats"], strict=True))
    if any(set(cats) != set(other) for cats, other in pairs):
        raise WheelError(f"{wheel}: its labels are not those of {model}")
    # numpy's max, unlike Python's, is NaN if one of the values is
    difference = float(numpy.max([abs(cats[label] - other[label]) for cats, other in pairs for label in cats]))
    if not difference <= TOLERANCE:
        raise WheelError(f"{wheel}: its scores differ from those of {model} by up to {difference:g}")
    sums, cache = found.pop("hard"), found.pop("tokenizer_cache")
    if any(not abs(total - 1) <= TOLERANCE for total in sums) or cache not in (None, meta[serving.TOKENIZER_CACHE]):
        raise WheelError(
            f"{wheel}: its load does not do its work. The probabilities of {HARD} sum to {sums}, the tokenizer's cache "
            f"has room for {cache}"
        )
    samples = [{"text": text, "cats": cats} for text, cats in zip(texts, found.pop("cats"), strict=True)]
    return {
        "wheel": wheel.name, "sha256": hash_file(wheel), "size_bytes": wheel.stat().st_size, **found,
        "largest_difference": difference, "samples": samples,
    }  # fmt: skip


def spacy_environment(folder: Path, constraints: Path) -> str:
    """Make a virtual environment that holds spaCy alone, unless it is there.

    folder (Path): Where the environment is kept. It is made anew when the constraints have changed.
    constraints (Path): A file of versions for pip.
    RETURNS (str): The path of its Python.
    RAISES (WheelError): If spaCy can't be installed.
    """
    return keep_environment(folder, constraints, ["-c", str(constraints.resolve()), "spacy"])


def keep_environment(folder: Path, versions: Path, arguments: Sequence[str], *, first: Sequence[str] = ()) -> str:
    """Make a virtual environment, unless it is there.

    folder (Path): Where the environment is kept. It is made anew when the versions have changed.
    versions (Path): The file with the versions of what is installed.
    arguments (Sequence[str]): The arguments of `pip install`.
    first (Sequence[str]): The same, of what is tried before, and may fail.
    RETURNS (str): The path of its Python.
    RAISES (WheelError): If something can't be installed.
    """
    folder, made_from = folder.resolve(), versions.read_bytes()
    record = folder / versions.name
    if not record.exists() or record.read_bytes() != made_from:
        with replacing_folder(folder) as new:
            python = _make_environment(new)
            if first:
                with suppress(WheelError):
                    _install(python, first, str(new))
            _install(python, arguments, str(new))
            (new / record.name).write_bytes(made_from)
    return _find_python(folder)


def _make_environment(folder: Path) -> str:
    run_command([sys.executable, "-m", "venv", "--without-pip", "env"], str(folder))
    return _find_python(folder)


def _install(python: str, arguments: Sequence[str], folder: str) -> None:
    """Install packages into an environment with the pip of this one, which takes hashes from constraints."""
    run_command([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *arguments], folder)


def _find_python(folder: Path) -> str:
    return str(folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python")


def run_command(command: list[str], folder: str, stdin: str = "") -> str:
    """Run a command in a folder, without this process's PYTHONPATH, and return what it prints.

    command (list[str]): The program and its arguments.
    folder (str): The working directory. Temporary files go there, too: to one disk, and away with the folder.
    stdin (str): What the command reads.
    RAISES (WheelError): If the command fails; the message ends with what it wrote to stderr.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["TMPDIR"] = str(Path(folder).resolve())
    done = subprocess.run(command, cwd=folder, env=environment, input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise WheelError(f"{' '.join(command)}\nfailed with exit code {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout
