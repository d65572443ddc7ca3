from pathlib import Path

import pytest

from unit.release.release_kit import Signer, make_release, make_signer


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return make_signer(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def signed(tmp_path: Path, signer: Signer) -> Path:
    return make_release(tmp_path, signer)
