"""All checks of a bundle, in turn."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from imgae_monai.exceptions import InputError
from imgae_monai.verify.configs import check_ids, check_properties
from imgae_monai.verify.files import check_files, check_large_files, check_name, check_readme
from imgae_monai.verify.metadata import check_schema, check_version
from imgae_monai.verify.networks import check_in_out, check_presets, check_torchscript
from imgae_monai.verify.subject import Skipped, Subject

# in the order of the zoo's ci/verify_bundle.py
CHECKS: dict[str, Callable[[Subject], str | None]] = {
    "name": check_name,
    "files": check_files,
    "readme": check_readme,
    "large_files": check_large_files,
    "version": check_version,
    "verify_metadata": check_schema,
    "ids": check_ids,
    "check_properties": check_properties,
    "verify_net_in_out": check_in_out,
    "presets": check_presets,
    "ckpt_export": check_torchscript,
}


def verify_bundle(
    bundle: Path, schema: Path | None = None, report: Callable[[str], None] = lambda line: None
) -> dict[str, str]:
    """Make every check of a bundle, up to the first that fails. Nothing is written to its folder.

    Its configs execute code: check only bundles that you trust.

    Args:
        bundle: folder of a bundle, or of a run.
        schema: a copy of the schema that the bundle's metadata name. Without one MONAI downloads it.
        report: gets a line for each check that was made, and for each that could not be.

    Returns:
        what each check found; "skipped: " and why where it could not be made.

    Raises:
        InputError: when a check fails; names bundle, check and fault.

    Example::

        >>> from imgae_monai.cli.bundle_config import bundles_root
        >>> bundle = bundles_root() / "unet_autoencoder"
        >>> found = verify_bundle(bundle)  # doctest: +SKIP
        >>> list(CHECKS)[:4]
        ['name', 'files', 'readme', 'large_files']

    """
    folder = bundle.expanduser().resolve()
    if not (folder / "configs").is_dir():
        raise InputError(f"{bundle} is no bundle: it has no folder configs")
    found = {}
    with tempfile.TemporaryDirectory() as scratch, _quiet():
        subject = Subject(folder, Path(scratch), schema)
        for name, check in CHECKS.items():
            start = time.perf_counter()
            try:
                found[name] = check(subject) or "ok"
            except Skipped as e:
                found[name] = f"skipped: {e}"
            except Exception as e:  # MONAI's, torch's and the configs' own: whatever it is, the check has failed
                raise InputError(f"{folder.name}: {name} failed: {_causes(e)}") from e
            report(f"{folder.name}: {name}: {found[name]} ({time.perf_counter() - start:.1f} s)")
    return found


def _causes(error: BaseException) -> str:
    """What an error says, and the errors that it was raised from: MONAI's name the expression, not the fault."""
    texts = []
    step: BaseException | None = error
    while step is not None:
        texts.append(str(step).strip() if isinstance(step, InputError) else f"{type(step).__name__}: {step}".strip())
        step = step.__cause__
    return "; because of ".join(texts)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep MONAI from logging what it is about to do, and both from warnings; errors still pass."""
    loggers = [logging.getLogger(f"monai.{name}") for name in ("bundle.scripts", "bundle.workflows", "apps")]
    loggers.append(logging.getLogger("imgae_monai"))  # says that phantoms are no patients
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
