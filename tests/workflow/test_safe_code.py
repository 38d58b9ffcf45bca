"""Nothing of ours turns data into code: no pickles, no eval, no code of a model's own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT

# Modules that make any object of bytes.
UNPICKLERS = {
    "pickle",
    "_pickle",
    "cPickle",
    "cloudpickle",
    "dill",
    "joblib",
    "jsonpickle",
    "marshal",
    "shelve",
    "yaml",
}
EVALUATORS = {"eval", "exec", "compile", "__import__", "execfile"}
# Arguments that let a library run code of its data → the value that is allowed.
ARGUMENTS = {"trust_remote_code": False, "allow_pickle": False, "shell": False, "weights_only": True,
             "use_safetensors": True}  # fmt: skip


def find_unsafe(code: str) -> Iterator[str]:
    """Yield what in a file could turn data into code."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = [module or "", *(alias.name for alias in node.names)]
            yield from UNPICKLERS.intersection(part for name in names for part in name.split("."))
        elif isinstance(node, ast.Call):
            yield from find_unsafe_call(node)


def find_unsafe_call(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    last = called.rpartition(".")[2]
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    if called in EVALUATORS or last in ("read_pickle", "exec_module"):
        yield called
    if last == "import_module" and not isinstance(node.args[0], ast.Constant):
        yield called
    if called == "torch.load" and "weights_only" not in given:
        yield called
    if last == "from_pretrained" and called.startswith("Auto") and "trust_remote_code" not in given:
        yield called
    for argument, allowed in ARGUMENTS.items():
        value = given.get(argument)
        if value is not None and not (isinstance(value, ast.Constant) and value.value is allowed):
            yield argument


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").rglob("*.py")), ids=lambda path: path.stem)
def test_code_makes_no_code_of_data(path: Path) -> None:
    assert list(find_unsafe(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from joblib import load", "from srsly import cloudpickle", "import yaml", "eval(text)",
        "exec(text)", "__import__(name)", "importlib.import_module(name)", "pandas.read_pickle(path)",
        "numpy.load(path, allow_pickle=True)", "torch.load(path)", "torch.load(path, weights_only=False)",
        "AutoModel.from_pretrained(folder)", "AutoModel.from_pretrained(folder, trust_remote_code=True)",
        "AutoModel.from_pretrained(folder, trust_remote_code=trust)", "subprocess.run(command, shell=True)",
        "AutoModel.from_pretrained(folder, trust_remote_code=False, use_safetensors=False)",
    ],
)  # fmt: skip
def test_code_that_makes_code_of_data_is_found(code: str) -> None:
    assert list(find_unsafe(code)) != []


@pytest.mark.parametrize(
    "code",
    ["model.eval()", "re.compile(rule)", "json.load(file)", "numpy.load(path)", "torch.load(path, weights_only=True)",
     "import_module('nltk')", "AutoTokenizer.from_pretrained(folder, trust_remote_code=False)"],
)  # fmt: skip
def test_code_that_reads_plain_values_is_let_through(code: str) -> None:
    assert list(find_unsafe(code)) == []
