from __future__ import annotations

import dataclasses

import pytest

from imgae_monai.exceptions import InputError
from imgae_monai.verify.files import check_files, check_name, check_readme


@pytest.mark.parametrize("name", ["chest_v1", "chest_v0.2.0", "a_v3_b"])
def test_a_version_in_the_name_is_refused(name, subject):
    with pytest.raises(InputError, match=f"rename {name}"):
        check_name(dataclasses.replace(subject, folder=subject.folder.with_name(name)))


@pytest.mark.parametrize("name", ["unet_autoencoder", "chest_view", "chest_v", "v1_chest"])
def test_other_names_pass(name, subject):
    check_name(dataclasses.replace(subject, folder=subject.folder.with_name(name)))


@pytest.mark.parametrize("name", ["LICENSE", "configs/metadata.json", "configs/logging.conf", "docs/README.md"])
def test_a_missing_file_is_named(name, subject):
    assert check_files(subject) == "no weights of its own"
    (subject.folder / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        check_files(subject)


@pytest.mark.parametrize("name", ["train", "evaluate", "inference"])
def test_a_config_may_be_json_or_yaml_and_has_to_be_there(name, subject):
    path = subject.folder / "configs" / f"{name}.json"
    path.rename(path.with_suffix(".yaml"))
    check_files(subject)
    path.with_suffix(".yaml").unlink()
    with pytest.raises(InputError, match=rf"configs/{name}\.json is missing"):
        check_files(subject)


def test_weights_are_there_or_it_is_said_where(subject):
    (subject.folder / "large_files.yml").unlink()
    with pytest.raises(InputError, match=r"models/model\.pt is missing, and there is no large_files\.yml"):
        check_files(subject)
    (subject.folder / "models").mkdir()
    (subject.folder / "models" / "model.pt").touch()
    assert check_files(subject) == "with weights"


@pytest.mark.parametrize(
    ("size", "folder", "refused"), [(26, "docs", True), (25, "docs", False), (26, "models", False)]
)
def test_a_file_that_the_zoo_does_not_take_is_refused(size, folder, refused, subject):
    (subject.folder / folder).mkdir(exist_ok=True)
    with (subject.folder / folder / "large.bin").open("wb") as file:
        file.truncate(size * 1_000_000)  # a hole, nothing is written
    if refused:
        with pytest.raises(InputError, match=rf"{folder}/large\.bin is larger than the 25 MB"):
            check_files(subject)
    else:
        check_files(subject)


def test_a_readme_without_a_section_is_refused(subject):
    check_readme(subject)
    readme = subject.folder / "docs" / "README.md"
    text = readme.read_text()
    # as the name of a heading only, and not in a block of commands
    readme.write_text(text.replace("## **System Configuration**", "System configuration\n```\n# limitations\n```"))
    with pytest.raises(InputError, match=r"docs/README\.md lacks system configuration$"):
        check_readme(subject)
    readme.write_text(text.replace("## **Limitations**", "").replace("### **Tags**", "```bash\n# tags\n```"))
    with pytest.raises(InputError, match=r"lacks tags, limitations$"):
        check_readme(subject)


def test_a_readme_without_a_title_is_refused(subject):
    readme = subject.folder / "docs" / "README.md"
    readme.write_text(readme.read_text().removeprefix("# "))
    with pytest.raises(InputError, match="lacks a title in its first line"):
        check_readme(subject)
