from __future__ import annotations

import json
import sys

import ignite
import monai
import numpy
import PIL
import skimage
import sklearn
import torch

import imgae_monai
from imgae_monai.engines import versions


def test_versions_are_those_of_the_modules_that_compute():
    assert versions() == {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "imgae_monai": imgae_monai.__version__,
        "torch": torch.__version__,
        "monai": monai.__version__,
        "pytorch-ignite": ignite.__version__,
        "numpy": numpy.__version__,
        "scikit-learn": sklearn.__version__,
        "scikit-image": skimage.__version__,
        "pillow": PIL.__version__,
    }


def test_versions_are_plain_strings():
    assert json.loads(json.dumps(versions())) == versions()
    assert {type(value) for value in versions().values()} == {str}
