from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imgae_monai.data import load_datalist, read_nih, read_source
from imgae_monai.data.nih import is_nih_layout
from imgae_monai.exceptions import InputError

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "nih_layout224"
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
)
TRAIN = {"1_0.png": "No Finding", "1_1.png": "No Finding", "2_0.png": "Effusion|Mass", "3_0.png": "No Finding"}
TEST = {"4_0.png": "No Finding", "5_0.png": "Pneumonia", "6_0.png": "Effusion|Mass"}


def release(root: Path, form: str = "one folder", table: str = "Data_Entry_2017.csv") -> Path:
    """The archive's layout, in one folder or in its numbered parts."""
    rows = [
        f"{name},{finding},0,{name.split('_')[0]},5{name[0]},M,PA,1024,1024,0.143,0.143,\n"
        for name, finding in (TRAIN | TEST).items()
    ]
    root.mkdir(exist_ok=True)
    (root / table).write_text(HEADER + "".join(rows), encoding="utf-8")
    (root / "train_val_list.txt").write_text("\n".join(TRAIN), encoding="utf-8")
    (root / "test_list.txt").write_text("\r\n".join(TEST) + "\r\n", encoding="utf-8")
    for i, name in enumerate(TRAIN | TEST):
        folder = root / ("images" if form == "one folder" else f"images_{1 + i % 3:03d}/images")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 10 * i).save(folder / name)
    return root


@pytest.fixture(params=["one folder", "numbered folders"])
def root(tmp_path, request) -> Path:
    return release(tmp_path / "nih", request.param)


def test_official_split_with_abnormal_training_images_left_out(root, caplog):
    caplog.set_level("INFO")
    items = read_nih(root)
    assert [(Path(i["image"]).name, i["split"], i["label"], i["patient_id"]) for i in items] == [
        ("1_0.png", "train", 0, "1"),
        ("1_1.png", "train", 0, "1"),
        ("3_0.png", "train", 0, "3"),
        ("4_0.png", "test", 0, "4"),
        ("5_0.png", "test", 1, "5"),
        ("6_0.png", "test", 1, "6"),
    ]
    assert all(Path(i["image"]).is_file() for i in items)
    assert "1 abnormal images of train_val_list.txt are left out" in caplog.text
    assert "not on disk" not in caplog.text


def test_the_tables_columns_are_kept(root):
    item = read_nih(root)[-1]
    assert {key: item[key] for key in ("finding", "view", "sex", "age")} == {
        "finding": "Effusion|Mass",
        "view": "PA",
        "sex": "M",
        "age": "56",
    }


@pytest.mark.parametrize(
    ("finding", "label"),
    [("No Finding", 0), ("Effusion|Mass", 1), ("No Finding|Mass", 1), ("no finding", 1), ("", 1), ("Nodule", 1)],
)
def test_normal_is_exactly_no_finding(tmp_path, finding, label):
    root = release(tmp_path / "nih")
    table = root / "Data_Entry_2017.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("Pneumonia", finding), encoding="utf-8")
    labels = {Path(i["image"]).name: i["label"] for i in read_nih(root)}
    assert labels["5_0.png"] == label


def test_the_layout_is_told_by_its_table(root, tmp_path):
    assert is_nih_layout(root)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.csv").touch()
    assert not is_nih_layout(tmp_path / "other")


def test_the_tables_later_name_is_found(tmp_path):
    root = release(tmp_path / "nih", table="Data_Entry_2017_v2020.csv")
    assert is_nih_layout(root)
    assert len(read_nih(root)) == 6


def test_a_byte_order_mark_before_the_table_does_not_matter(tmp_path):
    root = release(tmp_path / "nih")
    table = root / "Data_Entry_2017.csv"
    table.write_text(table.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert len(read_nih(root)) == 6


def test_a_partial_download_is_read_with_a_warning(root, caplog):
    for name in ("1_0.png", "5_0.png"):
        next(root.rglob(name)).unlink()
    assert [Path(i["image"]).name for i in read_nih(root)] == ["1_1.png", "3_0.png", "4_0.png", "6_0.png"]
    assert "2 of 7 listed images are not on disk and are left out" in caplog.text


def test_images_that_no_list_names_are_left_out(root):
    Image.new("L", (4, 4)).save(next(root.rglob("1_0.png")).with_name("9_0.png"))
    assert len(read_nih(root)) == 6


def test_no_image_on_disk_is_refused(root):
    for path in root.rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError, match=r"none of the 7 listed images is under .*/images or .*/images_001/images"):
        read_nih(root)


def test_a_missing_image_folder_is_refused(tmp_path):
    root = release(tmp_path / "nih")
    (root / "images").rename(root / "pictures")
    with pytest.raises(InputError, match=r"has neither images/ nor images_001/images/"):
        read_nih(root)


@pytest.mark.parametrize("name", ["train_val_list.txt", "test_list.txt"])
def test_a_missing_list_is_refused(root, name):
    (root / name).unlink()
    with pytest.raises(InputError, match=rf"{name} is missing: it is part of NIH's release and keeps patients apart"):
        read_nih(root)


def test_missing_columns_are_named(tmp_path):
    root = release(tmp_path / "nih")
    table = root / "Data_Entry_2017.csv"
    content = table.read_text(encoding="utf-8").replace("Patient ID", "Patient").replace("View Position", "View")
    table.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"Data_Entry_2017\.csv lacks the column\(s\) \['Patient ID', 'View Positi"):
        read_nih(root)


def test_a_listed_image_that_the_table_lacks_is_named(root):
    with open(root / "test_list.txt", "a", encoding="utf-8") as f:
        f.write("7_0.png\n")
    with pytest.raises(InputError, match=r"test_list\.txt lists 7_0\.png, which .*Data_Entry_2017\.csv does not have"):
        read_nih(root)


def test_load_datalist_splits_validation_off_by_patient(root):
    data = load_datalist(root, val_fraction=0.5)
    assert not data.synthetic
    assert data.counts["test"] == {"normal": 1, "abnormal": 2}
    assert data.counts["val"]["normal"] + data.counts["train"]["normal"] == 3
    splits = {split for split in ("train", "val") for i in data.select(split) if i["patient_id"] == "1"}
    assert len(splits) == 1


def boxes(root: Path, *rows: str) -> None:
    header = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
    (root / "BBox_List_2017.csv").write_text(header + "\n".join(rows) + "\n", encoding="utf-8")


def test_boxes_are_shares_of_the_image(root):
    assert all("boxes" not in item for item in read_nih(root))
    boxes(root, "6_0.png,Mass,256,512.5,128,102.4,,,", "6_0.png,Effusion,0,0,1024,1024,,,", "9_9.png,Mass,1,1,1,1,,,")
    items = {Path(item["image"]).name: item for item in read_nih(root)}
    assert items["6_0.png"]["boxes"] == [
        {"finding": "Mass", "box": [0.25, 0.50048828125, 0.125, 0.1]},
        {"finding": "Effusion", "box": [0, 0, 1, 1]},
    ]
    assert "boxes" not in items["5_0.png"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("6_0.png,Mass,a,1,1,1,,,", r"line 2: expected a box x, y, w, h in pixels, got \['a', '1', '1', '1'\]"),
        ("6_0.png,Mass,1,1", "line 2: expected a box"),
        ("6_0.png,Mass,1024,1,1,1,,,", "line 2: the box .* is not within 1024 x 1024 pixels"),
        ("6_0.png,Mass,1,1,0,1,,,", "is not within"),
        ("6_0.png,Mass,nan,1,1,1,,,", "is not within"),
    ],
)
def test_a_box_that_is_none_is_named(root, row, message):
    boxes(root, row)
    with pytest.raises(InputError, match=message):
        read_nih(root)


def test_a_box_has_the_findings_name_of_the_labels(root):
    boxes(root, "6_0.png,Infiltrate,256,512,128,128,,,")
    found = [item["boxes"] for item in read_nih(root) if "boxes" in item]
    assert [box["finding"] for box in found[0]] == ["Infiltration"]


def test_another_table_of_boxes_is_refused(root):
    (root / "BBox_List_2017.csv").write_text("name,x,y\n", encoding="utf-8")
    with pytest.raises(InputError, match="does not start with 'Image Index,Finding Label'"):
        read_nih(root)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real images at {REAL}")
def test_real_release_has_the_published_counts():
    items = read_nih(REAL)
    counts = {(s, k): sum((i["split"], i["label"]) == (s, k) for i in items) for s in ("train", "test") for k in (0, 1)}
    assert counts == {("train", 0): 536, ("train", 1): 0, ("test", 0): 60, ("test", 1): 44}
    patients = [{i["patient_id"] for i in items if i["split"] == split} for split in ("train", "test")]
    assert not patients[0] & patients[1]
    assert {i["view"] for i in items} == {"PA", "AP"}
    listed = [box for item in items for box in item.get("boxes", [])]
    assert len(listed) == 49
    assert sum(box["finding"] == "Pneumonia" for box in listed) == 43  # grep -c
    first = next(item for item in items if item["image"].endswith("00000150_002.png"))["boxes"][0]["box"]
    assert [round(1024 * value, 3) for value in first] == [601.397, 595.979, 215.636, 180.961]


def test_a_pattern_wins_over_nihs_patients(tmp_path):
    items = read_source(release(tmp_path), patient_pattern=r"(.*)\.png").items
    assert [item["patient_id"] for item in items] == [Path(item["image"]).stem for item in items]
