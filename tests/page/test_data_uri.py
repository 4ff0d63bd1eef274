from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from imgae_monai.page import data_uri, jpeg_uri


def test_an_address_holds_what_it_names():
    assert data_uri(b"abc", "text/plain") == "data:text/plain;base64,YWJj"


def test_a_picture_is_shrunk_and_keeps_its_greys():
    grey = np.full((400, 200), 0.5)
    grey[:200] = 1.7
    uri = jpeg_uri(grey, 100)
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert picture.size == (50, 100)
    values = np.asarray(picture).astype(int)
    assert abs(values[:40] - 255).max() <= 2
    assert abs(values[60:] - 128).max() <= 2
