from __future__ import annotations

from pathlib import Path

import pytest

from imgae_monai.audit import Audit, audit_source
from imgae_monai.data import read_source
from tests.audit.spoilt import write_spoilt


@pytest.fixture(scope="session")
def spoilt(phantoms, tmp_path_factory) -> Path:
    """A folder with one of every fault. Read-only."""
    return write_spoilt(phantoms, tmp_path_factory.mktemp("spoilt") / "set")


@pytest.fixture(scope="session")
def spoilt_audit(spoilt) -> Audit:
    return audit_source(read_source(spoilt), workers=1)
