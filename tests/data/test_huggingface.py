from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from imgae_monai.data import load_datalist, read_huggingface, read_image, read_source
from imgae_monai.exceptions import InputError, SourceUnavailable
from imgae_monai.transforms import LoadGrayscaled
from tests.data.hub_data import png, study, table, write_shards

datasets = pytest.importorskip("datasets")
NAMES = (["normal"], ["ill"])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def values(items) -> list[int]:
    return [round(255 * float(read_image(item["image"])[1, 1])) for item in items]


def test_parquet_shards_are_read_in_order(tmp_path):
    items = read_source(study(tmp_path / "d"), *NAMES).items
    assert [item["split"] for item in items] == ["train"] * 23 + ["test"] * 8
    assert [item["label"] for item in items] == [0] * 23 + [0, 1] * 4
    assert values(items) == [*range(23), *range(100, 108)]
    assert [item["patient_id"] for item in items[:5]] == ["train0", "train0", "train1", "train1", "train2"]
    assert items[-1]["finding"] == "Ill"
    assert all(".arrow#" in item["image"] for item in items)


def test_arrow_files_of_several_shards_are_read_in_order(tmp_path, monkeypatch):
    saved = datasets.DatasetDict({"train": table(["normal"] * 30), "valid": table(["normal", "ill"], 50)})
    saved.save_to_disk(tmp_path / "saved", num_shards={"train": 4, "valid": 1})
    items = read_source(tmp_path / "saved", *NAMES).items
    assert values(items) == [*range(30), 50, 51]
    assert len({item["image"].rpartition("#")[0] for item in items}) == 5
    assert [item["split"] for item in items] == ["train"] * 30 + ["val"] * 2
    streamed = read_huggingface(f"hf://{tmp_path / 'saved'}?streaming=true", *NAMES)
    assert [i["sha256"] for i in streamed] == [hashlib.sha256(png(v)).hexdigest() for v in [*range(30), 50, 51]]
    monkeypatch.chdir(tmp_path)
    assert read_source("hf://./saved", *NAMES).items == items


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_one_file_is_the_split_that_its_name_says(tmp_path, suffix):
    for name, split in (("chest", "train"), ("chest_test", "test"), ("validation-00000-of-00001", "val")):
        path = tmp_path / f"{name}{suffix}"
        data = table(["normal", "ill"])
        if suffix == ".parquet":
            data.to_parquet(path)
        else:
            pa = pytest.importorskip("pyarrow")
            arrow = data.data.table
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, arrow.schema) as writer:
                writer.write_table(arrow)
        items = read_source(path, *NAMES).items
        assert [(i["split"], i["label"]) for i in items] == [(split, 0), (split, 1)]
        assert values(items) == [0, 1]


def test_an_image_folder_is_read_by_its_paths(tmp_path):
    for split, name, v in (("train", "normal", 1), ("test", "normal", 2), ("test", "ill", 3)):
        path = tmp_path / "d" / split / name / f"{v}.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(png(v))
    items = read_huggingface(f"hf://{tmp_path / 'd'}", *NAMES)
    assert sorted((Path(i["image"]).name, i["label"], i["split"]) for i in items) == [
        ("1.png", 0, "train"),
        ("2.png", 0, "test"),
        ("3.png", 1, "test"),
    ]
    assert all(Path(i["image"]).is_file() for i in items)


def test_an_image_folders_own_table_is_read(tmp_path):
    for split, rows in (("train", ["a.png,normal,p1"]), ("test", ["b.png,ill,p2", "c.png,normal,p3"])):
        (tmp_path / "d" / split).mkdir(parents=True)
        lines = ["file_name,label,patient_id", *rows]
        (tmp_path / "d" / split / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
        for row in rows:
            (tmp_path / "d" / split / row[:5]).write_bytes(png(ord(row[0])))
    items = read_huggingface(f"hf://{tmp_path / 'd'}", *NAMES)
    known = sorted((Path(i["image"]).name, i["label"], i["patient_id"]) for i in items)
    assert known == [("a.png", 0, "p1"), ("b.png", 1, "p2"), ("c.png", 0, "p3")]


@pytest.mark.parametrize("streaming", ["false", "true"])
def test_an_image_of_several_classes_is_normal_only_if_all_are(tmp_path, streaming):
    names = ["No Finding", "Mass", "Edema"]
    write_shards(tmp_path / "d", "test", table([[0], [1, 2], [0, 1], [2]], names=names), 1)
    items = read_huggingface(f"hf://{tmp_path / 'd'}?streaming={streaming}", ["no finding"], ["mass", "edema"])
    assert [item["label"] for item in items] == [0, 1, 1, 1]
    assert [item["finding"] for item in items] == ["No Finding", "Mass|Edema", "No Finding|Mass", "Edema"]
    assert [item["patient_id"] for item in items] == ["test/0", "test/1", "test/2", "test/3"]


def test_labels_may_be_numbers(tmp_path):
    data = table(["x"] * 3).remove_columns("label").add_column("label", [7, 3, 7])
    write_shards(tmp_path / "d", "test", data, 1)
    assert [i["label"] for i in read_source(tmp_path / "d", ["7"], ["3"]).items] == [0, 1, 0]


@pytest.mark.parametrize("streaming", ["false", "true"])
def test_unknown_classes_are_listed(tmp_path, streaming):
    write_shards(tmp_path / "d", "train", table(["normal", "Mass", "Mass", "Edema"]), 1)
    message = (
        r"class 'Mass' is neither a normal \(normal\) nor .*; there are 'Edema' \(1\), 'Mass' \(2\), 'normal' \(1\)"
    )
    with pytest.raises(InputError, match=message):
        read_huggingface(f"hf://{tmp_path / 'd'}?streaming={streaming}", ["normal"], ["edema"])


@pytest.mark.parametrize("label", [None, -1])
def test_an_image_without_a_class_is_named(tmp_path, label):
    write_shards(tmp_path / "d", "train", table([0, 0, label], names=["normal", "ill"]), 1)
    with pytest.raises(InputError, match=r"train row 2: no class in column 'label', found"):
        read_source(tmp_path / "d", *NAMES)


def test_columns_are_found_named_or_listed(tmp_path):
    data = table(["normal"] * 3).rename_column("label", "verdict").add_column("labels", ["ill"] * 3)
    data = data.add_column("who", ["a", "a", "b"])
    write_shards(tmp_path / "d", "train", data, 1)
    uri = f"hf://{tmp_path / 'd'}"
    assert [i["label"] for i in read_huggingface(uri, *NAMES)] == [1, 1, 1]
    named = read_huggingface(f"{uri}?label=verdict&image=image&patient=who", *NAMES)
    assert [(i["label"], i["patient_id"]) for i in named] == [(0, "a"), (0, "a"), (0, "b")]
    with pytest.raises(InputError, match=r"no column 'lable'; there are image \(Image\), verdict \(Value\), labels"):
        read_huggingface(f"{uri}?label=lable", *NAMES)
    write_shards(tmp_path / "two", "train", data.add_column("label", ["normal"] * 3), 1)
    with pytest.raises(InputError, match=r"more than one column can be the label: .*; name it, as label=COLUMN"):
        read_source(tmp_path / "two", *NAMES)
    write_shards(tmp_path / "none", "train", data.remove_columns("image"), 1)
    with pytest.raises(InputError, match="no column can be the image"):
        read_source(tmp_path / "none", *NAMES)


def test_splits_of_other_names_are_left_out_with_a_warning(tmp_path, caplog):
    write_shards(tmp_path / "d", "train", table(["normal"] * 2), 1)
    uri = f"hf://{tmp_path / 'd'}"
    saved = datasets.DatasetDict({"train": table(["normal"] * 2), "sample": table(["normal"])})
    saved.save_to_disk(tmp_path / "saved")
    assert len(read_huggingface(uri, *NAMES)) == len(read_source(tmp_path / "saved", *NAMES).items) == 2
    assert "the split(s) ['sample'] are left out" in caplog.text
    datasets.DatasetDict({"sample": table(["normal"])}).save_to_disk(tmp_path / "odd")
    with pytest.raises(InputError, match=r"has the splits \['sample'\], expected any of \['train'"):
        read_source(tmp_path / "odd", *NAMES)


def test_a_stream_and_files_give_one_data_list(tmp_path):
    root = study(tmp_path / "d")
    files, stream = (load_datalist(s, *NAMES) for s in (root, f"hf://{root}?streaming=true"))
    assert files.fingerprint == stream.fingerprint
    assert files.counts == stream.counts
    assert stream.counts["val"]["normal"] in (1, 2)
    assert stream.source == f"hf://{root}?streaming=true"
    assert {i["image"].rpartition("#")[0] for i in stream.items} == {stream.source}
    first = stream.select("test")[0]
    assert (first["image"], first["sha256"]) == (f"{stream.source}#test/0", hashlib.sha256(png(100)).hexdigest())


@pytest.mark.parametrize("streaming", ["false", "true"])
def test_leaks_are_refused(tmp_path, streaming):
    patients = [f"p{i}" for i in range(4)]
    write_shards(tmp_path / "d", "train", table(["normal"] * 4, 0, None, patients), 2)
    write_shards(tmp_path / "d", "test", table(["normal"] * 2, 50, None, ["p3", "p9"]), 1)
    uri = f"hf://{tmp_path / 'd'}?streaming={streaming}"
    with pytest.raises(InputError, match=r"1 patient\(s\) stand in more than one split.*p3: .*#.*3.* \(train\)"):
        load_datalist(uri, *NAMES)
    write_shards(tmp_path / "d", "test", table(["ill"] * 2, 3, None, ["p8", "p9"]), 1)
    with pytest.raises(InputError, match=r"1 image\(s\) stand under both labels"):
        load_datalist(uri, *NAMES)
    write_shards(tmp_path / "d", "test", table(["normal"] * 2, 3, None, ["p8", "p9"]), 1)
    with pytest.raises(InputError, match=r"1 image\(s\) stand in more than one split"):
        load_datalist(uri, *NAMES)


def test_forked_workers_read_arrow_references(tmp_path):
    data = load_datalist(study(tmp_path / "d"), *NAMES)
    load = LoadGrayscaled("image")
    items = [load(item) for item in data.select("test")]  # opened before the fork

    class Images:
        def __len__(self):
            return len(items)

        def __getitem__(self, i):
            return np.asarray(load(data.select("test")[i])["image"])[0, 1, 1]

    loaded = [v for batch in DataLoader(Images(), batch_size=3, num_workers=2) for v in batch.tolist()]
    assert [round(255 * v) for v in loaded] == list(range(100, 108))


def test_a_changed_file_is_read_anew(tmp_path):
    root = study(tmp_path / "d")
    read_source(root, *NAMES)
    write_shards(root / "data", "test", table([0, 0], 200, ["Normal", "Ill"], ["a", "b"]), 1)
    assert values(read_source(root, *NAMES).items)[-2:] == [200, 201]


def test_damaged_files_are_one_line(tmp_path):
    root = study(tmp_path / "d")
    path = root / "data" / "test-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    for uri in (f"hf://{root}", f"hf://{root}?streaming=true"):
        with pytest.raises(InputError, match=r"cannot read data hf://.*/d") as e:
            read_huggingface(uri, *NAMES)
        assert "\n" not in str(e.value)
        assert not isinstance(e.value, SourceUnavailable)


def test_other_formats_are_refused(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "train.csv").write_text("image,label\na.png,normal\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"is of the format 'csv', expected one of \['parquet', 'arrow', 'imagef"):
        read_huggingface(f"hf://{tmp_path / 'd'}", *NAMES)
    with pytest.raises(InputError, match=r"is a \.csv file, expected \.parquet or \.arrow"):
        read_huggingface(f"hf://{tmp_path / 'd' / 'train.csv'}", *NAMES)
    with pytest.raises(SourceUnavailable, match="hf:///nowhere/at/all does not exist"):
        read_huggingface("hf:///nowhere/at/all")


def hub_error(kind: str, status: int):
    import httpx2 as httpx
    from huggingface_hub import errors

    request = httpx.Request("GET", "https://huggingface.co/api/datasets/owner/name")
    return getattr(errors, kind)(f"{status} refused", response=httpx.Response(status, request=request))


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("RepositoryNotFoundError", 404, "the hub has no such data set or revision, or it is private"),
        ("RevisionNotFoundError", 404, "the hub has no such data set or revision"),
        ("GatedRepoError", 403, "is gated: ask for access on huggingface.co and log in"),
        ("HfHubHTTPError", 503, "the Hugging Face hub can't be reached"),
    ],
)
def test_what_the_hub_refuses_is_one_line(kind, status, message, monkeypatch):
    pytest.importorskip("httpx2")

    def refuse(self, *args, **kwargs):
        raise hub_error(kind, status)

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", refuse)
    with pytest.raises(SourceUnavailable, match=rf"data hf://owner/name.* {message}") as e:
        read_huggingface("hf://owner/name")
    assert "\n" not in str(e.value)


def test_a_hub_that_cannot_be_reached_is_one_line_and_soon():
    code = (
        "from imgae_monai.data import read_source\nfrom imgae_monai.exceptions import SourceUnavailable\n"
        "try: read_source('hf://owner/name')\nexcept SourceUnavailable as e: print(e)"
    )
    env = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9"}  # the discard port: refused at once
    env.pop("HF_HUB_OFFLINE", None)
    told = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300, check=True
    )
    assert told.stdout.count("\n") == 1
    assert "data hf://owner/name: the Hugging Face hub can't be reached" in told.stdout


def test_a_missing_extra_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SourceUnavailable, match=r"needs datasets: pip install 'imgae_monai\[huggingface\]'"):
        read_huggingface("hf://owner/name")


def test_a_folder_of_pictures_stays_a_folder_tree(tmp_path):
    path = tmp_path / "d" / "train" / "normal" / "a.png"
    path.parent.mkdir(parents=True)
    Image.new("L", (4, 4)).save(path)
    assert read_source(tmp_path / "d").items[0]["image"] == str(path)


def folder_of_pictures(root: Path) -> Path:
    for split, name, v in (("train", "normal", 1), ("train", "normal", 2), ("test", "ill", 3)):
        path = root / split / name / f"p{v}_0.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(v))
    return root


def test_unknown_patients_are_marked_and_a_pattern_names_those_with_a_file(tmp_path, caplog):
    uri = f"hf://{folder_of_pictures(tmp_path / 'd')}"
    items = read_source(uri, *NAMES).items
    assert [(i["patient_id"], i["patient_known"]) for i in items] == [
        ("train/0", False),
        ("train/1", False),
        ("test/0", False),
    ]
    assert "the patient of 3 of 3 images is not known" in caplog.text
    caplog.clear()
    named = read_source(uri, *NAMES, patient_pattern=r"(p\d+)_").items
    assert sorted(i["patient_id"] for i in named) == ["p1", "p2", "p3"]
    assert not any("patient_known" in i for i in named)
    assert "is not known" not in caplog.text


@pytest.mark.parametrize("streaming", ["false", "true"])
def test_a_pattern_is_refused_for_rows_without_a_file_name(tmp_path, streaming):
    write_shards(tmp_path / "d", "test", table(["normal"] * 2), 1)
    with pytest.raises(InputError, match=r"patient_pattern 'x' cannot name the patient of .*#.*, a row of a table"):
        read_source(f"hf://{tmp_path / 'd'}?streaming={streaming}", *NAMES, patient_pattern="x")


@pytest.mark.parametrize("streaming", ["false", "true"])
def test_a_missing_patient_in_a_table_is_unknown(tmp_path, streaming):
    nan = float("nan")
    data = table(["normal"] * 6).add_column("patient", [7.0, nan, nan, 7.0, None, 8.5])
    write_shards(tmp_path / "numbers", "test", data, 1)
    text = table(["normal"] * 6, 0, None, ["7", "nan", "None", "7", None, " "])
    write_shards(tmp_path / "texts", "test", text, 1)
    for name, last in (("numbers", ("8.5", True)), ("texts", ("test/5", False))):
        items = read_huggingface(f"hf://{tmp_path / name}?streaming={streaming}", *NAMES)
        assert [(i["patient_id"], i.get("patient_known", True)) for i in items] == [
            ("7", True),
            ("test/1", False),
            ("test/2", False),
            ("7", True),
            ("test/4", False),
            last,
        ]


@pytest.mark.parametrize("streaming", ["false", "true"])
@pytest.mark.parametrize("path", ["a.png", "hf://datasets/owner/name/a.png"])
def test_a_cell_with_no_bytes_and_no_absolute_path_is_refused(tmp_path, monkeypatch, streaming, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(png(1))
    data = table(["normal"]).remove_columns("image").add_column("image", [{"bytes": None, "path": path}])
    write_shards(tmp_path / "d", "test", data, 1)
    with pytest.raises(
        InputError, match=rf"cannot read .*#.*0: it holds no bytes but the path {path}, expected an abs"
    ):
        read_huggingface(f"hf://{tmp_path / 'd'}?streaming={streaming}", *NAMES)


@pytest.mark.parametrize("streaming", ["false", "true"])
def test_a_cells_absolute_path_is_read(tmp_path, streaming):
    (tmp_path / "a.png").write_bytes(png(7))
    cells = [{"bytes": None, "path": str(tmp_path / "a.png")}]
    write_shards(tmp_path / "d", "test", table(["normal"]).remove_columns("image").add_column("image", cells), 1)
    data = load_datalist(f"hf://{tmp_path / 'd'}?streaming={streaming}", *NAMES)
    assert data.items[0]["sha256"] == hashlib.sha256(png(7)).hexdigest()
