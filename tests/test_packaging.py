"""`pip install .` installs every file of the four packages, data included, and nothing else of the checkout."""

import re
import tomllib
import zipfile
from pathlib import Path

import pytest

import tsp

ROOT = Path(__file__).parents[1]
PACKAGES = ("tsp", "policies", "envs", "baselines")


LARGEST_WHEEL = 30e6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("wheel")
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


@pytest.fixture(scope="module")
def wheel_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_wheel_holds_every_file_of_the_packages_and_no_other(wheel_files):
    checkout = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wheel_files == checkout


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_marked_as_typed(wheel_files, package):
    assert f"{package}/py.typed" in wheel_files


def test_shipped_policies_are_in_the_wheel(wheel_files):
    cards = {
        name.rpartition("/")[0]
        for name in wheel_files
        if name.startswith("policies/zoo/") and name.endswith("README.md")
    }
    assert cards, "no policy is shipped"
    for folder in cards:
        assert {f"{folder}/model.safetensors", f"{folder}/config.json"} <= wheel_files


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < LARGEST_WHEEL


def test_the_citation_is_of_this_version_and_license():
    stated = dict(re.findall(r"^(\w+): (.+)$", (ROOT / "CITATION.cff").read_text(), flags=re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert stated["version"] == tsp.__version__
    assert stated["license"] == project["license"]
    assert stated["title"] in (ROOT / "README.md").read_text()
