"""Check the project's variables before a workflow runs."""

from importlib.util import find_spec
from pathlib import Path

import typer

from scripts.distill.core.lock import writes
from scripts.distill.core.messages import name_missing, stopping_with
from scripts.distill.core.variables import (
    EngineName,
    SettingsError,
    check_characters,
    check_lock_file,
    check_package,
    full_command,
    given_overrides,
    read_defaults,
)
from scripts.distill.teacher.spec import (
    TEACHERS,
    TRAIN,
    check_spec,
    check_spec_exists,
    check_trained_here,
    note_teacher,
    spec_members,
)

PROJECT_FILE = Path("project.yml")


@writes
def main(
    name: str = typer.Argument(..., help="The workflow: all or distill"),
    teacher: str = typer.Option(..., help=TEACHERS),
    student: Path = typer.Option(..., help="The student's config, such as configs/student.cfg"),
    lang: str = typer.Option(..., help="Language of the package"),
    package: str = typer.Option(..., help="Name of the package"),
    version: str = typer.Option(..., help="Version of the package"),
    data: Path = typer.Option(..., help="The data: a folder, see docs/data.md"),
    seed: int = typer.Option(..., help="The seed", min=0, max=2**32 - 1),
    gpu_id: int = typer.Option(..., help="The GPU, or -1"),
    processes: int = typer.Option(..., help="Processes of augmentation", min=1),
    engine: EngineName = typer.Option(..., help="What scores: local or ray"),
    limit: int = typer.Option(..., help="Texts that the teacher is asked about at most, or 0", min=0),
    teacher_folder: Path = typer.Option("training/teacher", help="Where the teacher is trained"),
) -> None:
    """Stop a workflow at once if its variables can't work.

    In: the variables of project.yml. Out: external.json in the teacher's folder, if the teacher is from elsewhere.

    Example: python -m spacy project run check-all .
    """
    defaults, overrides = read_defaults(PROJECT_FILE), given_overrides()
    with stopping_with("Can't start"):
        check_characters({**defaults, **overrides})
        check_lock_file(Path("project.lock"))
        check_spec(teacher)
        check_package(lang, package, version)
        for variable, arrived in (("name", package), ("version", version)):
            if overrides.get(variable, arrived) != arrived:
                raise SettingsError(
                    f"{variable} = {overrides[variable]} arrives as {arrived}, since it reads as a number. "
                    f"Write a version in three parts, such as 1.10.0"
                )
        if not student.exists():
            known = ", ".join(sorted(path.stem for path in student.parent.glob("student*.cfg")))
            raise SettingsError(f"student = {student.stem!r}: there is no {student}. Known: {known}")
        if "distilled_textcat" not in student.read_text(encoding="utf-8"):
            raise SettingsError(f"{student}: no component with factory distilled_textcat, which learns from a teacher")
        if (name == "all") != (teacher == TRAIN):
            other = "distill" if name == "all" else "all"
            raise SettingsError(
                f"Workflow {name!r} {'trains its own teacher' if name == 'all' else 'needs a teacher from elsewhere'}, "
                f"but teacher = {teacher}. Run:\n{full_command(other, overrides, defaults)}"
            )
        if name != "all" and TRAIN in spec_members(teacher):
            check_trained_here(teacher_folder / "model-best", overrides, defaults)
        check_spec_exists(teacher)
        if not data.exists():
            raise SettingsError(f"data = {name_missing(data)}: there is no such folder")
        if gpu_id >= 0 and find_spec("cupy") is None:
            raise SettingsError(
                f"gpu_id = {gpu_id}, but CuPy is not installed. Install it as docs/data.md says, or use -1"
            )
        note_teacher(teacher, teacher_folder)


if __name__ == "__main__":
    typer.run(main)
