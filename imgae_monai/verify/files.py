"""A bundle's name and files."""

from __future__ import annotations

import re

import yaml

from imgae_monai.exceptions import InputError
from imgae_monai.verify.large_files import NAMES, read_large_files
from imgae_monai.verify.subject import Subject

# beside the configs; the zoo makes LICENSE and the metadata a condition, MONAI's tools look for the rest
_FILES = ("LICENSE", "configs/metadata.json", "configs/logging.conf", "docs/README.md")
_CONFIGS = ("train", "evaluate", "inference")
# of the zoo's README template
_SECTIONS = (
    *("authors", "tags", "model description", "data", "preprocessing", "performance", "system configuration"),
    *("limitations", "citation info", "references", "license"),
)
_MOST_MB = 25  # of a file in the zoo's repository


def check_name(subject: Subject) -> None:
    """The zoo appends ``_v{version}`` to a bundle's name and takes it apart there again.

    Raises:
        InputError: when the name holds such an ending already.
    """
    name = subject.folder.name
    if re.search(r"_v\d", name):
        raise InputError(f"a bundle's name must not hold _v and a digit, as a version does: rename {name}")


def check_files(subject: Subject) -> str:
    """Licence, metadata, configs and README are there; weights too, or ``large_files.yml`` that says where they are.

    Raises:
        InputError: when a file is missing, or larger than the zoo takes.
    """
    for name in _FILES:
        if not (subject.folder / name).is_file():
            raise InputError(f"{name} is missing")
    for name in _CONFIGS:
        subject.config_file(name)
    weights = subject.folder / "models" / "model.pt"
    if not weights.is_file() and read_large_files(subject.folder) is None:
        raise InputError(f"models/model.pt is missing, and there is no {NAMES[0]} to say where it is")
    for path in subject.folder.rglob("*"):
        inside = path.relative_to(subject.folder)
        large = path.is_file() and path.stat().st_size > _MOST_MB * 1e6
        if large and inside.parts[0] != "models":  # the zoo has these in large_files.yml
            raise InputError(f"{inside} is larger than the {_MOST_MB} MB that a file of a bundle may have")
    return "with weights" if weights.is_file() else "no weights of its own"


def check_readme(subject: Subject) -> None:
    """``docs/README.md`` has a title and the sections of the zoo's template.

    Raises:
        InputError: when one is missing; names all that are.
    """
    text = (subject.folder / "docs" / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)  # a comment of a shell is no heading
    headings = [re.sub(r"[*_]", "", line).strip().lower() for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    missing = [section for section in _SECTIONS if section not in headings]
    if not re.match(r"# \S", text) or missing:
        raise InputError(f"docs/README.md lacks {', '.join(missing) or 'a title in its first line'}")


def check_large_files(subject: Subject) -> str:
    """Check the form of ``large_files.yml``, and fetch with MONAI what is not there; hashes are compared either way.

    Raises:
        InputError: when the list is not of the zoo's form, or a file of the bundle is another one.
        Exception: MONAI's own, when a file can't be fetched or is another one.
    """
    from monai.apps.utils import check_hash
    from monai.bundle import download_large_files

    files = read_large_files(subject.folder)
    if not files:
        return "no list" if files is None else "none listed"
    absent = []
    for file in files:
        path = subject.folder / file.path
        if not path.is_file():
            absent.append({key: value for key, value in vars(file).items() if value is not None})
        elif file.hash_val is not None and not check_hash(path, file.hash_val, file.hash_type):
            raise InputError(f"{file.path} is another file than {NAMES[0]} lists: its {file.hash_type} differs")
    if absent:
        # MONAI puts the files next to the list: into the scratch folder, not into the bundle
        (subject.scratch / NAMES[0]).write_text(yaml.safe_dump({"large_files": absent}), encoding="utf-8")
        download_large_files(bundle_path=str(subject.scratch))
    return f"{len(files)} listed, {len(absent)} of them fetched"
