"""A repository of the Hugging Face Hub: the pipeline, its wheel, and a card that the Hub can read."""

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, HfApi, ModelCardData

from ..core.files import replacing_folder

TASK = "text-classification"


def write_repository(wheel: Path, folder: Path) -> None:
    """Write the files of a repository: what `spacy.load` reads, README.md and the wheel.

    wheel (Path): The student's wheel.
    folder (Path): The folder to write. An older one is removed.
    RAISES (ValueError): If the file is no wheel of a spaCy pipeline.
    """
    name, version, *_ = wheel.name.split("-")
    inside = f"{name}/{name}-{version}/"
    try:
        with zipfile.ZipFile(wheel) as archive, replacing_folder(folder, marker="meta.json") as new:
            meta = json.loads(archive.read(f"{inside}meta.json"))
            for file in archive.namelist():
                if file.startswith(inside) and not file.endswith("/"):
                    path = new / file.removeprefix(inside)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(archive.read(file))
            card = archive.read(f"{inside}README.md").decode("utf-8")
            (new / "README.md").write_text(f"---\n{describe(meta).to_yaml()}\n---\n\n{card}", encoding="utf-8")
            shutil.copyfile(wheel, new / wheel.name)
    except (zipfile.BadZipFile, KeyError) as err:
        raise ValueError(f"{wheel}: no wheel of a spaCy pipeline with a README ({err})") from err


def describe(meta: Mapping[str, Any]) -> ModelCardData:
    """Return what the Hub shows beside a card, and lists in its searches.

    meta (Mapping[str, Any]): The contents of meta.json; "evaluation" is what `summarize` returned.
    """
    evaluation = meta.get("evaluation")
    return ModelCardData(
        model_name=f"{meta['lang']}_{meta['name']}",
        language=meta.get("languages") or None,
        license=(meta.get("license") or "").lower().replace(" ", "-") or None,
        library_name="spacy",
        pipeline_tag=TASK,
        tags=["spacy", TASK],
        eval_results=_list_results(evaluation) if evaluation else None,
    )


def _list_results(evaluation: Mapping[str, Any]) -> list[EvalResult]:
    """Return accuracy and F-score of each language, and of all texts."""
    rows = {**evaluation["languages"], "all": evaluation["overall"]}
    return [
        EvalResult(
            # The Hub tells results apart by the config, not by the name of the data.
            task_type=TASK, dataset_type="custom", dataset_name=f"{evaluation['split']} texts", dataset_config=language,
            dataset_split=evaluation["split"], metric_type=metric, metric_name=title, metric_value=scores[key],
        )
        for language, scores in rows.items()
        for metric, title, key in (("accuracy", "Accuracy", "accuracy"), ("f1", "Macro F1", "macro_f"))
    ]  # fmt: skip


def upload(folder: Path, repository: str) -> str:
    """Upload a folder to the Hub. A repository that is not there is made, for its owner's eyes alone.

    folder (Path): What `write_repository` wrote.
    repository (str): <user or organisation>/<name>.
    RETURNS (str): The address of what was uploaded.
    RAISES (OSError): If the Hub can't be reached, or refuses; ValueError if the name is none that the Hub takes.
    """
    api = HfApi()
    api.create_repo(repository, private=True, exist_ok=True)
    return str(api.upload_folder(repo_id=repository, folder_path=folder, commit_message=f"Upload {folder.parent.name}"))
