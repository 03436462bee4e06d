"""What git, pip and uv fetch to install cloudedge, from a bare repository on this disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MB = 1_000_000
OFFLINE = ("--no-deps", "--no-build-isolation")  # setuptools is that of this environment
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *OFFLINE)

pytestmark = [
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is not a checkout"),
    pytest.mark.skipif(not (shutil.which("git") and shutil.which("make")), reason="needs git and make"),
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return variables by which neither git, pip nor uv looks at anything of the user's."""
    home = str(tmp_path_factory.mktemp("home"))
    who = {f"GIT_{role}_{key}": "nobody" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "PIP_", "UV_"))}
    quiet = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "UV_NO_INDEX": "1", "UV_NO_CONFIG": "1"}
    return ours | who | quiet | {"HOME": home, "UV_CACHE_DIR": f"{home}/uv", "UV_PYTHON_DOWNLOADS": "never"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> str:
    """Make a bare repository with the last commit, as one without history, and the branch `dist` of it."""
    folder = tmp_path_factory.mktemp("repository")
    checkout, repository = folder / "checkout", folder / "cloudedge.git"

    def git(*command: str | Path) -> str:
        done = subprocess.run(
            ["git", *command], env=environment, check=True, timeout=300, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("clone", "--quiet", "--depth", "1", f"file://{ROOT}", checkout)
    subprocess.run(["make", "-C", checkout, "dist-branch"], env=environment, check=True, timeout=300)
    whole = git("-C", checkout, "commit-tree", "-m", "all of it", "HEAD^{tree}")  # a shallow repository is no host's
    git("init", "--quiet", "--bare", "--initial-branch", "main", repository)
    git("-C", repository, "config", "uploadpack.allowFilter", "true")  # as hosts do
    git("-C", checkout, "push", "--quiet", repository, f"{whole}:refs/heads/main", "dist")
    return f"file://{repository}"


@pytest.fixture
def fetched(tmp_path: Path, environment: dict[str, str]) -> Callable[..., int]:
    """Run a command; return how many bytes of packs git has received in it."""

    def count(*command: str | Path) -> int:
        packs = tmp_path / "packs"
        subprocess.run(command, env={**environment, "GIT_TRACE_PACKFILE": str(packs)}, check=True, timeout=120)
        return packs.stat().st_size

    return count


def test_a_shallow_clone_fetches_one_commit(address: str, tmp_path: Path, fetched: Callable[..., int]) -> None:
    size = fetched("git", "clone", "--quiet", "--depth", "1", address, tmp_path / "clone")
    print(f"git clone --depth 1: {size / MB:.1f} MB")
    assert size < 120 * MB


def test_the_branch_to_install_from_has_no_tests_and_no_weights_for_training(
    address: str, tmp_path: Path, fetched: Callable[..., int]
) -> None:
    clone = tmp_path / "clone"
    size = fetched("git", "clone", "--quiet", "--branch", "dist", "--single-branch", address, clone)
    print(f"git clone --branch dist: {size / MB:.1f} MB")
    assert size < 30 * MB
    assert not (clone / "tests").exists()
    assert not list(clone.rglob("*.safetensors"))
    count = ["git", "-C", clone, "rev-list", "--count", "HEAD"]
    assert subprocess.run(count, check=True, capture_output=True, text=True).stdout == "1\n"


def test_uv_fetches_that_branch_alone(address: str, wheel: Path, tmp_path: Path, fetched: Callable[..., int]) -> None:
    uv = [Path(sys.executable).parent / "uv", "pip", "install", "--python", sys.executable, *OFFLINE]
    size = fetched(*uv, "--target", tmp_path / "site", f"git+{address}@dist")
    print(f"uv pip install git+ADDRESS@dist: {size / MB:.1f} MB")
    assert size < 1.3 * wheel.stat().st_size
    check_that_it_is_whole(tmp_path / "site")


def test_pip_fetches_the_default_branch_too(address: str, tmp_path: Path, fetched: Callable[..., int]) -> None:
    size = fetched(*PIP, "--target", tmp_path / "site", f"git+{address}@dist")
    print(f"pip install git+ADDRESS@dist: {size / MB:.1f} MB")
    assert size < 150 * MB  # of that branch only the last commit: pip clones without the contents of older files
    check_that_it_is_whole(tmp_path / "site")


def test_pip_installs_from_a_clone_of_that_branch(address: str, tmp_path: Path) -> None:
    clone = ["git", "clone", "--quiet", "--depth", "1", "--branch", "dist", address, tmp_path / "clone"]
    subprocess.run(clone, check=True, timeout=120)
    subprocess.run([*PIP, "--target", tmp_path / "site", tmp_path / "clone"], check=True, timeout=120)
    check_that_it_is_whole(tmp_path / "site")


def check_that_it_is_whole(site: Path) -> None:
    code = "import cloudedge, cloudedge.models; print(cloudedge.__file__, *cloudedge.models.__path__, sep='\\n')"
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {code}"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert all(Path(line).is_relative_to(site) for line in shown.splitlines())
    assert (site / "cloudedge" / "models" / "resnet34.onnx").stat().st_size > MB
