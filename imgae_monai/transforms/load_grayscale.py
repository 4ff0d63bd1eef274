"""Load an image as one grey channel in [0, 1], whatever its format, mode and bit depth."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import torch
from monai.config import KeysCollection, PathLike
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import ImageMetaKey, TransformBackends, convert_to_numpy, look_up_option

from imgae_monai.data.array_reader import read_array
from imgae_monai.data.image_reader import WINDOWS, read_image
from imgae_monai.exceptions import UnreadableImage

SOURCE_AXES = "source_axes"  # metadata: how many axes grey values had that were in memory


class LoadGrayscale(Transform):
    """Load an image as a ``MetaTensor`` of shape (1, H, W) or (1, H, W, D), float32 in [0, 1], rows first.

    MONAI's ``LoadImage`` keeps palette codes, alpha channels and bit depths as they are and hides a reader's error
    behind an installation hint; see :py:mod:`imgae_monai.data.image_reader`. The path is kept in the metadata under
    ``filename_or_obj``.

    Grey values in memory, as MONAI Deploy hands them over, are taken too, see
    :py:func:`imgae_monai.data.array_reader.read_array`; their metadata is kept, and ``source_axes`` says how many axes
    they had.

    Args:
        window: how values without a nominal range become [0, 1]: ``"auto"``, ``"percentile"`` or ``"full"``, see
            :py:func:`imgae_monai.data.read_image`.
        spatial_dims: refuse an image of another number of axes, 2 or 3; None takes either.

    Example:
        >>> import tempfile, numpy as np
        >>> from PIL import Image
        >>> path = tempfile.mkdtemp() + "/wide.png"
        >>> Image.fromarray(np.full((4, 6), 65535, dtype=np.uint16)).save(path)
        >>> LoadGrayscale()(path).shape, float(LoadGrayscale()(path).max())
        (torch.Size([1, 4, 6]), 1.0)
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, window: str = "auto", spatial_dims: int | None = None) -> None:
        self.window = look_up_option(window, WINDOWS)
        self.spatial_dims = spatial_dims

    def __call__(self, filename: PathLike | np.ndarray | torch.Tensor) -> torch.Tensor:
        """
        Args:
            filename: path of the file, or a reference into one; or grey values in memory.

        Returns:
            image of shape (1, H, W) or (1, H, W, D), values in [0, 1].

        Raises:
            InputError: when the file is missing, of an unknown type, empty, truncated or otherwise unreadable, or has
                another number of axes.
        """
        if isinstance(filename, (np.ndarray, torch.Tensor)):
            return self._from_memory(filename)
        array = read_image(filename, self.window, self.spatial_dims)
        return MetaTensor(torch.from_numpy(array)[None], meta={ImageMetaKey.FILENAME_OR_OBJ: str(filename)})

    def _from_memory(self, values: np.ndarray | torch.Tensor) -> torch.Tensor:
        if self.spatial_dims == 3:
            raise UnreadableImage("cannot use a volume in memory: give the path of its file")
        array = read_array(convert_to_numpy(values), self.window)
        meta = values.meta if isinstance(values, MetaTensor) else {}
        return MetaTensor(torch.from_numpy(array)[None], meta={**meta, SOURCE_AXES: values.ndim})


class LoadGrayscaled(MapTransform):
    """Dictionary version of :py:class:`LoadGrayscale`.

    Args:
        keys: keys whose values are file paths, or grey values in memory.
        window: as there.
        spatial_dims: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = LoadGrayscale.backend

    def __init__(
        self,
        keys: KeysCollection = "image",
        window: str = "auto",
        spatial_dims: int | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.loader = LoadGrayscale(window, spatial_dims)

    def __call__(self, data: Mapping[Hashable, PathLike]) -> dict[Hashable, torch.Tensor]:
        d: dict = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.loader(d[key])
        return d


LoadGrayscaleD = LoadGrayscaleDict = LoadGrayscaled
