from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from imgae_monai.data import gdcm_decoder, read_image
from imgae_monai.data.dicom_reader import dicom_header, is_dicom
from imgae_monai.exceptions import InputError
from tests.data.medical_files import dicom, jpeg, rle, with_gdcm

pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")
from pydicom.dataset import Dataset  # noqa: E402
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut  # noqa: E402

GREY = np.array([[0, 1, 100], [128, 200, 255]], dtype=np.uint8)
DEEP = np.array([[0, 1000, 2000], [2048, 3000, 4095]], dtype=np.uint16)
TWELVE = {"BitsStored": 12}


def by_pydicom(path: Path, low: float, high: float) -> np.ndarray:
    """What pydicom's own pipeline shows, from its output range to [0, 1]."""
    ds = pydicom.dcmread(path)
    shown = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds)
    return (shown - low) / (high - low)


def lut(entries: list[int], first: int, bits: int) -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "US", entries)
    return [item]


def test_eight_bits_without_a_window_are_divided_by_255_rows_first(tmp_path):
    image = read_image(dicom(tmp_path / "a.dcm", GREY))
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, GREY.astype(np.float32) / 255)


@pytest.mark.parametrize("window", ["auto", "percentile", "full"])
def test_monochrome1_is_the_negative_of_monochrome2(tmp_path, window):
    one = read_image(dicom(tmp_path / "1.dcm", DEEP, "MONOCHROME1", **TWELVE), window)
    two = read_image(dicom(tmp_path / "2.dcm", DEEP, "MONOCHROME2", **TWELVE), window)
    np.testing.assert_allclose(one, 1 - two, atol=1e-7)
    assert two[0, 0] < two[1, 2]


def test_full_is_the_range_of_bits_stored_rescaled(tmp_path):
    plain = dicom(tmp_path / "a.dcm", DEEP, **TWELVE)
    rescaled = dicom(tmp_path / "b.dcm", DEEP, RescaleSlope=2, RescaleIntercept=-1024, **TWELVE)
    for path in (plain, rescaled):
        np.testing.assert_allclose(read_image(path, "full"), DEEP / 4095, atol=1e-7)


def test_a_negative_slope_inverts(tmp_path):
    path = dicom(tmp_path / "a.dcm", DEEP, RescaleSlope=-1, RescaleIntercept=4095, **TWELVE)
    np.testing.assert_allclose(read_image(path, "full"), 1 - DEEP / 4095, atol=1e-7)


def test_signed_values_keep_their_order(tmp_path):
    stored = np.array([[-2048, -1], [0, 2047]], dtype=np.int16)
    np.testing.assert_allclose(
        read_image(dicom(tmp_path / "a.dcm", stored, **TWELVE), "full"), (stored + 2048) / 4095, atol=1e-7
    )


def test_window_comes_after_slope_and_intercept_and_the_first_of_several_counts(tmp_path):
    window = {"WindowCenter": [2000, 40], "WindowWidth": [4001, 400]}
    path = dicom(tmp_path / "a.dcm", DEEP, RescaleSlope=2, RescaleIntercept=-1024, **window, **TWELVE)
    # PS3.3 C.11.2.1.2.1: (x - (c - 0.5)) / (w - 1) + 0.5
    expected = np.clip((DEEP * 2.0 - 1024 - 1999.5) / 4000 + 0.5, 0, 1)
    np.testing.assert_allclose(read_image(path), expected, atol=1e-6)
    np.testing.assert_allclose(read_image(path), by_pydicom(path, -1024, 2 * 4095 - 1024), atol=1e-6)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_voi_functions_agree_with_pydicom(tmp_path, function):
    path = dicom(tmp_path / "a.dcm", DEEP, WindowCenter=1500, WindowWidth=2500, VOILUTFunction=function, **TWELVE)
    np.testing.assert_allclose(read_image(path), by_pydicom(path, 0, 4095), atol=1e-6)


def test_a_window_of_width_one_is_a_threshold(tmp_path):
    path = dicom(tmp_path / "a.dcm", DEEP, WindowCenter=2001, WindowWidth=1, **TWELVE)
    np.testing.assert_array_equal(read_image(path), (DEEP > 2000.5).astype(np.float32))


@pytest.mark.parametrize("width", [0, -100, 0.5])
def test_a_window_without_width_is_refused_with_another_to_choose(tmp_path, width):
    path = dicom(tmp_path / "a.dcm", DEEP, WindowCenter=2000, WindowWidth=width, **TWELVE)
    with pytest.raises(InputError, match=rf"a\.dcm: Window Width {width:g} is no width .*'percentile' or 'full'"):
        read_image(path)
    assert read_image(path, "percentile").max() == 1


def test_an_empty_window_counts_as_none(tmp_path):
    path = dicom(tmp_path / "a.dcm", GREY, WindowCenter=None, WindowWidth=None)
    np.testing.assert_array_equal(read_image(path), GREY.astype(np.float32) / 255)


def test_percentile_ignores_the_headers_window(tmp_path):
    values = np.arange(1001, dtype=np.uint16).reshape(7, 143)
    path = dicom(tmp_path / "a.dcm", values, WindowCenter=10, WindowWidth=5)
    np.testing.assert_allclose(read_image(path, "percentile"), np.clip((values - 5.0) / 990, 0, 1), atol=1e-6)


def test_deep_data_without_a_window_take_the_percentiles(tmp_path):
    values = np.arange(1001, dtype=np.uint16).reshape(7, 143)
    path = dicom(tmp_path / "a.dcm", values)
    np.testing.assert_allclose(read_image(path), np.clip((values - 5.0) / 990, 0, 1), atol=1e-6)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_count_for_the_percentiles(tmp_path, photometric):
    values = np.concatenate([np.full(499, -2000), np.arange(1001)]).astype(np.int16).reshape(3, -1)
    path = dicom(tmp_path / "a.dcm", values, photometric, PixelPaddingValue=-2000)
    image = read_image(path)
    grey = np.clip((values - 5.0) / 990, 0, 1)
    expected = np.where(values == -2000, 0, grey if photometric == "MONOCHROME2" else 1 - grey)
    np.testing.assert_allclose(image, expected, atol=1e-6)


def test_padding_may_be_a_range_or_the_unsigned_twin_of_a_negative_value(tmp_path):
    values = np.concatenate([[-2000, -1990, -1980], np.arange(1001)]).astype(np.int16).reshape(4, -1)
    path = dicom(tmp_path / "a.dcm", values, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1980)
    expected = np.clip((values - 5.0) / 990, 0, 1)
    np.testing.assert_allclose(read_image(path), expected, atol=1e-6)
    ds = pydicom.dcmread(dicom(tmp_path / "b.dcm", np.where(values < 0, -2000, values).astype(np.int16)))
    ds.add_new("PixelPaddingValue", "US", 65536 - 2000)
    ds.save_as(tmp_path / "b.dcm")
    np.testing.assert_allclose(read_image(tmp_path / "b.dcm"), expected, atol=1e-6)


def test_an_image_that_is_all_padding_or_constant_is_black(tmp_path):
    for name, photometric, extra in (
        ("a", "MONOCHROME1", {"PixelPaddingValue": 7}),
        ("b", "MONOCHROME1", {}),
        ("c", "MONOCHROME2", {}),
    ):
        path = dicom(tmp_path / f"{name}.dcm", np.full((3, 4), 7, np.uint16), photometric, **extra)
        assert read_image(path).tolist() == np.zeros((3, 4)).tolist()


def test_voi_lut_is_preferred_to_the_window(tmp_path):
    entries = list(range(4095, -1, -1))
    path = dicom(tmp_path / "a.dcm", DEEP, VOILUTSequence=lut(entries, 0, 12), WindowCenter=5, WindowWidth=9, **TWELVE)
    np.testing.assert_allclose(read_image(path), 1 - DEEP / 4095, atol=1e-6)
    np.testing.assert_allclose(read_image(path), by_pydicom(path, 0, 4095), atol=1e-6)


def test_a_voi_lut_of_eight_bit_entries_does_not_wrap_around_at_256(tmp_path):
    entries = [value >> 4 for value in range(4096)]
    path = dicom(tmp_path / "a.dcm", DEEP, VOILUTSequence=lut(entries, 0, 8), **TWELVE)
    np.testing.assert_allclose(read_image(path), (DEEP >> 4) / 255, atol=1e-6)
    assert np.abs(by_pydicom(path, 0, 255) - (DEEP >> 4) / 255).max() > 0.5  # why pydicom's own is not used


def test_values_outside_a_lut_take_its_ends(tmp_path):
    path = dicom(tmp_path / "a.dcm", DEEP, VOILUTSequence=lut([10, 20, 30, 1023], 1999, 10), **TWELVE)
    np.testing.assert_allclose(read_image(path), np.array([[10, 10, 20], [1023, 1023, 1023]]) / 1023, atol=1e-6)


def test_modality_lut_comes_before_the_window(tmp_path):
    stored = np.array([[0, 1], [2, 3]], dtype=np.uint16)
    extra = {"ModalityLUTSequence": lut([0, 100, 400, 1000], 0, 10), "WindowCenter": 500.5, "WindowWidth": 1001}
    path = dicom(tmp_path / "a.dcm", stored, **extra)
    np.testing.assert_allclose(read_image(path), [[0, 0.1], [0.4, 1]], atol=1e-6)
    np.testing.assert_allclose(read_image(path, "full"), np.array([[0, 100], [400, 1000]]) / 1023, atol=1e-6)


def test_a_damaged_lut_is_refused(tmp_path):
    item = lut([1, 2, 3], 0, 8)
    item[0].LUTDescriptor = [4096, 0, 8]
    with pytest.raises(InputError, match=r"a\.dcm: the VOI LUT is damaged: 3 entries up to 3, said 4096 of 8 bits"):
        read_image(dicom(tmp_path / "a.dcm", DEEP, VOILUTSequence=item, **TWELVE))


@pytest.mark.parametrize("window", ["auto", "percentile", "full"])
def test_colour_becomes_luminance(tmp_path, window):
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
    image = read_image(dicom(tmp_path / "a.dcm", colours, "RGB"), window)
    np.testing.assert_allclose(image, [[0.299, 0.587, 0.114, 1]], atol=1e-6)


def test_three_samples_a_pixel_that_claim_to_be_grey_are_refused(tmp_path):
    colours = np.arange(12, dtype=np.uint8).reshape(1, 4, 3)
    path = dicom(tmp_path / "a.dcm", colours, "RGB", PhotometricInterpretation="MONOCHROME2")
    with pytest.raises(InputError, match=r"a\.dcm: photometric interpretation 'MONOCHROME2' of shape \(1, 4, 3\)"):
        read_image(path)


def test_ybr_is_converted_before(tmp_path):
    # Y, Cb, Cr of a pure grey and of pure red (ITU-R 601, full range)
    ybr = np.array([[[128, 128, 128], [76, 85, 255]]], dtype=np.uint8)
    np.testing.assert_allclose(
        read_image(dicom(tmp_path / "a.dcm", ybr, "YBR_FULL")), [[128 / 255, 0.299]], atol=2 / 255
    )


def palette(path: Path, codes: np.ndarray, bits: int) -> Path:
    """Code 10 is red, 11 green, 12 white."""
    ds = pydicom.dcmread(dicom(path, codes, "PALETTE COLOR"))
    top = 2**bits - 1
    columns = {"Red": [top, 0, top, 0], "Green": [0, top, top, 0], "Blue": [0, 0, top, 0]}
    for name, entries in columns.items():
        ds.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [4, 10, bits])
        ds.add_new(f"{name}PaletteColorLookupTableData", "OW", np.array(entries, f"<u{bits // 8}").tobytes())
    ds.save_as(path)
    return path


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_palette_is_looked_up(tmp_path, bits, dtype):
    codes = np.array([[10, 11], [12, 13], [0, 200]], dtype=dtype)
    image = read_image(palette(tmp_path / "a.dcm", codes, bits))
    np.testing.assert_allclose(image, [[0.299, 0.587], [1, 0], [0.299, 0]], atol=1e-6)


def test_rle_and_jpeg_2000_are_lossless(tmp_path):
    big = np.random.default_rng(0).integers(0, 4096, (33, 41)).astype(np.uint16)
    raw = read_image(dicom(tmp_path / "raw.dcm", big, "MONOCHROME1", **TWELVE), "full")
    for name, compress in (("rle", rle), ("j2k", lambda path: jpeg(path, "JPEG2000"))):
        path = compress(dicom(tmp_path / f"{name}.dcm", big, "MONOCHROME1"))
        np.testing.assert_allclose(read_image(path, "full"), 1 - big / 65535, atol=1e-7)
    np.testing.assert_allclose(raw, 1 - big / 4095, atol=1e-7)


def test_jpeg_is_close(tmp_path):
    smooth = np.add.outer(np.arange(32) * 3, np.arange(40) * 4).astype(np.uint8)
    path = jpeg(dicom(tmp_path / "a.dcm", smooth), "JPEG")
    np.testing.assert_allclose(read_image(path), smooth / 255, atol=5 / 255)


@pytest.mark.parametrize("syntax", ["JPEGLosslessProcess14_1", "JPEGLSLossless"])
def test_what_gdcm_decodes_is_lossless(tmp_path, syntax):
    pytest.importorskip("gdcm")
    big = np.random.default_rng(0).integers(0, 4096, (33, 41)).astype(np.uint16)
    for name in "ab":  # the second is read by the child that the first started
        path = with_gdcm(dicom(tmp_path / f"{name}.dcm", big, "MONOCHROME1", **TWELVE), syntax)
        np.testing.assert_allclose(read_image(path, "full"), 1 - big / 4095, atol=1e-7)


PROGRAMS = {
    "crashed": "import os, sys\nsys.stdin.readline()\nos.abort()\n",
    "hung for 0.5 s": "import sys, time\nsys.stdin.readline()\ntime.sleep(60)\n",
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_decoder_that_takes_its_process_down_costs_one_file(tmp_path, monkeypatch, what):
    pytest.importorskip("gdcm")
    path = with_gdcm(dicom(tmp_path / "a.dcm", DEEP, **TWELVE), "JPEGLosslessProcess14_1")
    monkeypatch.setattr(gdcm_decoder, "_CHILDREN", {})
    monkeypatch.setattr(gdcm_decoder, "TIMEOUT_S", 0.5)
    with monkeypatch.context() as patch:
        (tmp_path / "bad.py").write_text(PROGRAMS[what], encoding="utf-8")
        patch.setattr(gdcm_decoder, "PROGRAM", tmp_path / "bad.py")
        with pytest.raises(InputError, match=rf"a\.dcm: its decoder {what}: the pixel data are damaged"):
            read_image(path, "full")
    monkeypatch.setattr(gdcm_decoder, "TIMEOUT_S", 60)
    np.testing.assert_allclose(read_image(path, "full"), DEEP / 4095, atol=1e-7)


def test_several_frames_are_refused_with_their_number(tmp_path):
    frames = np.stack([DEEP, DEEP, DEEP])
    one = dicom(tmp_path / "one.dcm", DEEP, NumberOfFrames=1, **TWELVE)
    np.testing.assert_allclose(read_image(one, "full"), DEEP / 4095, atol=1e-7)
    with pytest.raises(InputError, match=r"a\.dcm: the DICOM file holds 3 frames, expected 1; write each frame"):
        read_image(dicom(tmp_path / "a.dcm", frames, NumberOfFrames=3, **TWELVE))


def test_no_image_is_refused(tmp_path):
    for name, keep in (("none.dcm", None), ("float.dcm", "FloatPixelData")):
        ds = pydicom.dcmread(dicom(tmp_path / name, GREY))
        del ds.PixelData
        if keep:
            ds.FloatPixelData = np.zeros(6, np.float32).tobytes()
        ds.save_as(tmp_path / name)
    with pytest.raises(InputError, match=r"none\.dcm: the DICOM file holds no image \(no Pixel Data\)"):
        read_image(tmp_path / "none.dcm")
    with pytest.raises(InputError, match=r"float\.dcm: the DICOM file holds floating-point pixels"):
        read_image(tmp_path / "float.dcm")


@pytest.mark.filterwarnings("ignore:End of file reached:UserWarning")
@pytest.mark.parametrize("kind", ["raw", "rle", "j2k", "JPEGLosslessProcess14_1", "JPEGLSLossless"])
@pytest.mark.parametrize("cut", [20, 100, 300])
def test_truncated_pixel_data_are_refused(tmp_path, kind, cut):
    path = dicom(tmp_path / "a.dcm", np.random.default_rng(0).integers(0, 4096, (33, 41)).astype(np.uint16), **TWELVE)
    if kind.startswith("JPEG"):
        pytest.importorskip("gdcm")
        with_gdcm(path, kind)
    elif kind != "raw":
        rle(path) if kind == "rle" else jpeg(path, "JPEG2000")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match=r"cannot read .*a\.dcm: "):
        read_image(path)


def test_a_picture_named_dcm_is_refused(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"\x89PNG" * 100)
    with pytest.raises(InputError, match=r"a\.dcm: it is no DICOM file \(no DICM mark at byte 128\)"):
        read_image(tmp_path / "a.dcm")


def set_syntax(path: Path, uid: str) -> Path:
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = UID(uid)
    if UID(uid).is_encapsulated:
        ds.PixelData = encapsulate([ds.PixelData])
        ds["PixelData"].is_undefined_length = True
    ds.save_as(path)
    return path


@pytest.mark.parametrize(
    ("uid", "message"),
    [
        ("1.2.840.10008.1.2.4.201", "transfer syntax High-Throughput JPEG 2000 .* can't be decoded here; pip install"),
        ("1.2.840.10008.1.2.4.51", "transfer syntax JPEG Extended .* can't be decoded here; .*gdcmconv --raw"),
        ("1.2.840.10008.1.2.4.100", "transfer syntax MPEG2 .* can't be decoded here"),
        ("1.2.840.10008.1.2.1.99", "transfer syntax Deflated Explicit VR Little Endian; decompress it"),
    ],
)
def test_a_transfer_syntax_that_is_not_decoded_is_named(tmp_path, uid, message):
    with pytest.raises(InputError, match=rf"a\.dcm: {message}"):
        read_image(set_syntax(dicom(tmp_path / "a.dcm", DEEP, **TWELVE), uid))


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"Rows": 65535, "Columns": 65535}, "65535 x 65535 pixels, expected at most 100000000"),
        ({"Rows": 0}, "0 x 3 pixels"),
        ({"BitsStored": 12, "HighBit": 15}, "Bits Stored 12, Bits Allocated 16, High Bit 15"),
        ({"BitsStored": 17}, "Bits Stored 17, Bits Allocated 16"),
        ({"RescaleSlope": 0, "RescaleIntercept": 5}, "Rescale Slope is 0"),
        ({"PhotometricInterpretation": "CMYK"}, "photometric interpretation 'CMYK'"),
    ],
)
def test_a_header_that_cannot_be_meant_is_refused(tmp_path, elements, message):
    with pytest.raises(InputError, match=rf"cannot read .*a\.dcm: .*{message}"):
        read_image(dicom(tmp_path / "a.dcm", DEEP, **elements))


def test_a_file_without_a_suffix_is_known_by_its_mark(tmp_path):
    path = dicom(tmp_path / "a.dcm", GREY)
    for name in ("IM0001", "1.2.840.113", "a.DICOM"):
        shutil.copy(path, tmp_path / name)
        assert is_dicom(tmp_path / name)
        np.testing.assert_array_equal(read_image(tmp_path / name), read_image(path))
    for name in ("DICOMDIR", "a.png", "a.txt"):
        shutil.copy(path, tmp_path / name)
        assert not is_dicom(tmp_path / name)
    (tmp_path / "README").write_text("text", encoding="utf-8")
    assert not is_dicom(tmp_path / "README")


def test_header_gives_what_is_there_and_not_blank(tmp_path):
    known = {"PatientID": " p1 ", "PatientSex": "F", "PatientAge": "045Y", "ViewPosition": "PA"}
    header = dicom_header(dicom(tmp_path / "a.dcm", GREY, **known))
    assert header == {"patient_id": "p1", "sex": "F", "age": "45", "view": "PA"}
    assert dicom_header(dicom(tmp_path / "b.dcm", GREY, PatientID="", PatientSex=None)) == {}


@pytest.mark.parametrize(
    ("age", "years"), [("018M", "1"), ("003W", "0"), ("62", "62"), ("000Y", "0"), ("103Y", "103"), ("unkn", None)]
)
def test_ages_become_whole_years(tmp_path, age, years):
    ds = pydicom.dcmread(dicom(tmp_path / "a.dcm", GREY))
    ds.add_new("PatientAge", "SH", age)
    ds.save_as(tmp_path / "a.dcm")
    assert dicom_header(tmp_path / "a.dcm").get("age") == years


def test_without_pydicom_the_extra_is_named(tmp_path, monkeypatch):
    path = dicom(tmp_path / "a.dcm", GREY)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    for call in (read_image, dicom_header):
        with pytest.raises(InputError, match=r"a\.dcm needs pydicom: pip install 'imgae_monai\[dicom\]'"):
            call(path)
