"""What is installed: the packages with all that they need, and nothing of the workshop."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"kit", "ocpi", "auth", "payments", "csms", "hub", "simulators"}
BUILD = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built by the installed build backend: no network, no environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run([sys.executable, "-c", BUILD, folder], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(folder / done.stdout.split()[-1])


def test_the_wheel_holds_every_module_of_the_packages(wheel: zipfile.ZipFile) -> None:
    sources = {path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    wanted = {path.relative_to(ROOT).as_posix() for path in sources if "__pycache__" not in path.parts}
    assert wanted - set(wheel.namelist()) == set()


def test_the_wheel_holds_the_packages_alone(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert not [name for name in wheel.namelist() if "test" in Path(name).name or "/testdata/" in name]


def test_the_wheel_says_what_it_is_licensed_under(wheel: zipfile.ZipFile) -> None:
    licences = {name.rpartition("/")[2] for name in wheel.namelist() if ".dist-info/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}


def test_the_installed_package_runs(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Outside of the checkout, from the wheel's files alone."""
    wheel.extractall(tmp_path)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import hub; assert {str(tmp_path)!r} in hub.__file__; "
    )
    script += "sys.argv = ['plugbridge', 'migrate']; from hub.cli import main; main()"
    environment = {"PLUGBRIDGE_DATABASE_URL": f"sqlite:///{tmp_path}/t.db", "PLUGBRIDGE_KEYS_FILE": f"{tmp_path}/keys"}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t.db").exists()
