from __future__ import annotations

import gzip
import itertools
import multiprocessing
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from imgae_monai.data import add_hashes, nifti_reader, read_image
from imgae_monai.data.nifti_reader import canonical_affine, canonical_map, nifti_shape
from imgae_monai.exceptions import InputError
from tests.data.medical_files import nifti

SHAPE = (5, 6, 7)  # left to right, back to front, upwards
VOXELS = np.random.default_rng(0).permutation(np.prod(SHAPE)).astype(np.int16).reshape(SHAPE)
AFFINE = np.array([[1.0, 0, 0, -3], [0, 2, 0, -4], [0, 0, 3, -5], [0, 0, 0, 1]])


def stored_as(path: Path, order: tuple[int, ...], flips: tuple[int, ...]) -> Path:
    """The same voxels at the same places, stored with their axes in another order and direction."""
    ornt = np.array([[axis, flip] for axis, flip in zip(order, flips, strict=True)])
    image = nib.Nifti1Image(VOXELS, AFFINE).as_reoriented(ornt)
    assert image.shape == tuple(SHAPE[order.index(axis)] for axis in range(3))
    nib.save(image, path)
    return path


STORAGES = [
    *itertools.product(itertools.permutations(range(3)), [(1, 1, 1), (-1, -1, -1), (-1, 1, 1), (1, -1, 1), (1, 1, -1)])
]


def full(voxels: np.ndarray) -> np.ndarray:
    return (voxels - VOXELS.min()) / (VOXELS.max() - VOXELS.min())


def test_a_slice_looks_the_same_however_it_is_stored(tmp_path):
    expected = {
        # rows from the head or the front, columns from the front or the patient's right
        "0/2": VOXELS[2, ::-1, ::-1].T,
        "1/3": VOXELS[::-1, 3, ::-1].T,
        "2/4": VOXELS[::-1, ::-1, 4].T,
    }
    for number, (order, flips) in enumerate(STORAGES):
        path = stored_as(tmp_path / f"{number}.nii", order, flips)
        assert nifti_shape(path) == SHAPE
        for fragment, voxels in expected.items():
            np.testing.assert_allclose(read_image(f"{path}#{fragment}", "full"), full(voxels), atol=1e-6)


def test_axial_slices_show_the_front_at_the_top_and_the_patients_right_on_the_left(tmp_path):
    voxels = np.zeros((9, 9, 3), dtype=np.uint8)
    voxels[8, 4, 1] = 200  # the patient's right: the last in RAS
    voxels[4, 8, 1] = 100  # the front
    image = read_image(f"{nifti(tmp_path / 'a.nii', voxels)}#2/1", "full")
    assert np.argwhere(image == 1).tolist() == [[4, 0]]
    assert np.argwhere((image > 0) & (image < 1)).tolist() == [[0, 4]]


def test_a_volume_is_its_axial_slices(tmp_path):
    path = nifti(tmp_path / "a.nii.gz", VOXELS, AFFINE)
    volume = read_image(path)
    assert (volume.shape, volume.dtype) == ((6, 5, 7), np.float32)
    for index in range(7):
        np.testing.assert_array_equal(volume[..., index], read_image(f"{path}#2/{index}"))


@pytest.mark.parametrize("window", ["auto", "percentile"])
def test_percentiles_are_those_of_the_whole_volume(tmp_path, window):
    path = nifti(tmp_path / "a.nii", VOXELS, AFFINE)
    low, high = np.percentile(VOXELS, [0.5, 99.5])
    expected = np.clip((VOXELS[:, ::-1, ::-1] - low) / (high - low), 0, 1)
    for index in range(5):
        np.testing.assert_allclose(read_image(f"{path}#0/{index}", window), expected[index].T, atol=1e-6)


def test_slope_and_intercept_are_applied(tmp_path):
    image = nib.Nifti1Image(VOXELS, AFFINE)
    image.header.set_slope_inter(-0.5, 7)
    nib.save(image, tmp_path / "a.nii")
    stored = nib.load(tmp_path / "a.nii")
    assert (stored.dataobj.slope, stored.dataobj.inter) == (-0.5, 7)
    np.testing.assert_array_equal(stored.dataobj.get_unscaled(), VOXELS)
    image = read_image(f"{tmp_path / 'a.nii'}#2/0", "full")
    np.testing.assert_allclose(image, 1 - full(VOXELS[::-1, ::-1, 0].T), atol=1e-6)


def test_one_volume_of_four_axes_is_squeezed_and_several_are_refused(tmp_path):
    one = nifti(tmp_path / "one.nii", VOXELS[..., None], AFFINE)
    np.testing.assert_array_equal(read_image(one), read_image(nifti(tmp_path / "a.nii", VOXELS, AFFINE)))
    two = nifti(tmp_path / "two.nii", np.stack([VOXELS, VOXELS], -1), AFFINE)
    for image in (two, f"{two}#2/0"):
        with pytest.raises(InputError, match=r"two\.nii: shape \(5, 6, 7, 2\) holds 2 volumes, expected one; split it"):
            read_image(image)


@pytest.mark.parametrize("shape", [(5, 6, 1), (5, 6)])
def test_a_volume_of_one_slice_is_an_image(tmp_path, shape):
    path = nifti(tmp_path / "a.nii", VOXELS[..., 0].reshape(shape), AFFINE)
    assert read_image(path).shape == (6, 5)
    np.testing.assert_array_equal(read_image(path), read_image(f"{path}#2/0"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite_are_refused(tmp_path, value):
    voxels = VOXELS.astype(np.float32)
    voxels[1, 2, 3:5] = value
    path = nifti(tmp_path / "a.nii.gz", voxels, AFFINE)
    for image in (path, f"{path}#0/0"):
        with pytest.raises(InputError, match=r"a\.nii\.gz: 2 voxels are NaN or infinite; "):
            read_image(image)


@pytest.mark.parametrize("window", ["auto", "percentile", "full"])
def test_a_constant_volume_is_black(tmp_path, window):
    assert not read_image(nifti(tmp_path / "a.nii", np.full((4, 4, 4), 7, np.float32)), window).any()


@pytest.mark.parametrize("span", [1e-44, 1e38, 3e38])
def test_extreme_values_stay_in_range(tmp_path, span):
    voxels = np.linspace(-span, span, 210, dtype=np.float64).astype(np.float32).reshape(SHAPE)
    image = read_image(nifti(tmp_path / "a.nii", voxels), "full")
    assert np.isfinite(image).all()
    assert (image.min(), image.max()) == (0, 1)


def test_colour_voxels_are_refused(tmp_path):
    colours = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(InputError, match=r"a\.nii: voxels of type .*'R'.*, expected one grey number each"):
        read_image(nifti(tmp_path / "a.nii", colours))
    with pytest.raises(InputError, match=r"b\.nii: voxels of type complex64"):
        read_image(nifti(tmp_path / "b.nii", np.zeros((4, 4, 4), dtype=np.complex64)))


@pytest.mark.parametrize(("fragment", "n"), [("0/5", 5), ("1/6", 6), ("2/7", 7), ("2/999999999", 7)])
def test_a_slice_that_is_not_there_is_refused(tmp_path, fragment, n):
    path = nifti(tmp_path / "a.nii", VOXELS, AFFINE)
    with pytest.raises(InputError, match=rf"a\.nii#{fragment}: expected axis/index in the canonical shape \(5, 6, 7\)"):
        read_image(f"{path}#{fragment}")
    assert read_image(f"{path}#{fragment[0]}/{n - 1}").ndim == 2


@pytest.mark.parametrize("fragment", ["2", "3/0", "2/-1", "x/1", "2/1/0", "2/", "2/03", "02/3", "2/٣", "2/3 ", "2/+3"])
def test_a_slice_has_one_spelling(tmp_path, fragment):
    path = nifti(tmp_path / "a.nii", VOXELS, AFFINE)
    message = re.escape(f"a.nii#{fragment}: expected axis/index without leading zeros, as #2/0")
    with pytest.raises(InputError, match=message):
        read_image(f"{path}#{fragment}")
    with pytest.raises(InputError, match=message):
        add_hashes([{"image": f"{path}#{fragment}"}])


def test_an_affine_without_a_direction_is_refused(tmp_path):
    image = nib.Nifti1Image(VOXELS, AFFINE)
    image.header["srow_y"] = 0
    image.header["sform_code"] = 1
    (tmp_path / "a.nii").write_bytes(image.header.binaryblock + b"\0" * 4 + VOXELS.tobytes(order="F"))
    with pytest.raises(InputError, match=r"a\.nii: its affine has no direction for every axis"):
        read_image(tmp_path / "a.nii")


def test_an_absurd_header_is_refused_before_memory_is_taken(tmp_path):
    header = nib.Nifti1Header()
    header.set_data_shape((10000, 10000, 10000))
    header.set_data_dtype(np.float64)
    header["magic"], header["vox_offset"] = b"n+1", 352
    block = header.binaryblock + b"\0" * 10_000
    (tmp_path / "a.nii").write_bytes(block)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(block))
    for name in ("a.nii", "a.nii.gz"):
        with pytest.raises(InputError, match=r"shape \(10000, 10000, 10000\), expected 1 to 536870912 voxels"):
            read_image(tmp_path / name)
    header.set_data_shape((800, 800, 800))
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(header.binaryblock + b"\0" * 10_000))
    with pytest.raises(InputError, match=r"b\.nii\.gz: .*too short for .*512000000 voxels"):
        read_image(tmp_path / "b.nii.gz")


def test_a_bomb_behind_the_voxels_is_refused(tmp_path):
    content = nifti(tmp_path / "a.nii", VOXELS).read_bytes() + bytes(70_000_000)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(content, compresslevel=1))
    with pytest.raises(InputError, match=r"b\.nii\.gz: it goes on far beyond its 210 voxels"):
        read_image(tmp_path / "b.nii.gz")


def test_a_flipped_bit_in_a_compressed_file_is_noticed(tmp_path):
    path = nifti(tmp_path / "a.nii", VOXELS)
    content = bytearray(gzip.compress(path.read_bytes(), compresslevel=0))  # stored: any bit decompresses
    content[-100] ^= 1
    (tmp_path / "b.nii.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"b\.nii\.gz: CRC check failed"):
        read_image(tmp_path / "b.nii.gz")


def test_other_files_named_nifti_are_refused(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"text" * 200)
    (tmp_path / "b.nii.gz").write_bytes(b"text" * 200)
    with pytest.raises(InputError, match=r"a\.nii: it is no NIfTI file"):
        read_image(tmp_path / "a.nii")
    with pytest.raises(InputError, match=r"b\.nii\.gz: its NIfTI header is damaged \(BadGzipFile"):
        read_image(tmp_path / "b.nii.gz")


def test_the_last_volume_is_decompressed_once_and_a_changed_file_is_read_anew(tmp_path):
    path = nifti(tmp_path / "a.nii.gz", VOXELS, AFFINE)
    nifti_reader._volume.cache_clear()
    first = [read_image(f"{path}#2/{index}", "full") for index in range(7)]
    assert nifti_reader._volume.cache_info().misses == 1
    first[0][:] = 5  # what is handed out is the caller's own
    np.testing.assert_array_equal(read_image(f"{path}#2/0", "full"), full(VOXELS[::-1, ::-1, 0].T).astype(np.float32))
    nifti(path, VOXELS[::-1].copy(), AFFINE)
    os.utime(path, ns=(1, 1))
    np.testing.assert_allclose(read_image(f"{path}#2/1", "full"), full(VOXELS[:, ::-1, 1].T), atol=1e-6)


def slow_decoding(monkeypatch) -> list[str]:
    """Names of the files that are decoded, each of which takes long enough for other threads to come."""
    decoded: list[str] = []
    real = nifti_reader._read_bytes

    def read(path: Path) -> bytes:
        decoded.append(path.name)
        time.sleep(0.1)
        return real(path)

    monkeypatch.setattr(nifti_reader, "_read_bytes", read)
    nifti_reader._volume.cache_clear()
    return decoded


def test_threads_that_want_slices_of_one_volume_decode_it_once(tmp_path, monkeypatch):
    path = nifti(tmp_path / "a.nii.gz", VOXELS, AFFINE)
    decoded = slow_decoding(monkeypatch)
    with ThreadPoolExecutor(4) as pool:
        slices = list(pool.map(lambda index: read_image(f"{path}#2/{index}", "full"), range(7)))
    assert decoded == ["a.nii.gz"]
    assert all(np.array_equal(s, read_image(f"{path}#2/{i}", "full")) for i, s in enumerate(slices))


def test_whole_volumes_are_decoded_side_by_side_and_not_kept(tmp_path, monkeypatch):
    paths = [nifti(tmp_path / f"{name}.nii.gz", VOXELS, AFFINE) for name in "ab"]
    together = threading.Barrier(2, timeout=20)
    real = nifti_reader._read_bytes
    nifti_reader._volume.cache_clear()
    monkeypatch.setattr(nifti_reader, "_read_bytes", lambda path: (together.wait(), real(path))[1])
    with ThreadPoolExecutor(2) as pool:
        volumes = list(pool.map(lambda path: read_image(path, "full"), paths))
    assert np.array_equal(*volumes)
    assert nifti_reader._volume.cache_info().currsize == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_process_forked_while_a_volume_is_decoded_reads_on(tmp_path, monkeypatch):
    path = nifti(tmp_path / "a.nii.gz", VOXELS, AFFINE)
    decoded = slow_decoding(monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(read_image, f"{path}#2/0")
        while not decoded:
            time.sleep(0.001)
        child = multiprocessing.get_context("fork").Process(target=read_image, args=(f"{path}#2/1",))
        child.start()
        child.join(20)
        code = child.exitcode
        child.kill()
        busy.result()
    assert code == 0


def test_a_map_goes_back_to_where_the_volume_is(tmp_path):
    for number, (order, flips) in enumerate(STORAGES):
        path = stored_as(tmp_path / f"{number}.nii", order, flips)
        map_ = nib.Nifti1Image(canonical_map(read_image(path, "full")), canonical_affine(path))
        np.testing.assert_allclose(map_.affine, AFFINE, atol=1e-5)
        np.testing.assert_allclose(map_.get_fdata(), full(VOXELS), atol=1e-6)
