"""The ranges of requirements*.txt against requirements.lock and what is installed."""

import importlib.metadata
import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support import runs as runs_lib

_LINUX = {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.11"}


def _required(file: str) -> list[Requirement]:
    lines = (line.partition("#")[0] for line in (runs_lib.ROOT / file).read_text().splitlines())
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("-r")]


def _ranges() -> list[Requirement]:
    required = _required("requirements.txt")
    return [r for r in required if r.marker is None or r.marker.evaluate(_LINUX)]


def _locked() -> dict[str, tuple[Version, int]]:
    """Name -> version and how many hashes it has."""
    text = (runs_lib.ROOT / "requirements.lock").read_text()
    blocks = re.split(r"\n(?=[A-Za-z])", text)
    pins = (re.match(r"([\w.-]+)==(\S+)", block) for block in blocks)
    return {
        canonicalize_name(pin[1]): (Version(pin[2]), block.count("--hash=sha256:"))
        for pin, block in zip(pins, blocks, strict=True)
        if pin
    }


def test_the_lock_is_within_the_ranges():
    locked, ranges = _locked(), _ranges()
    assert len(ranges) > 15 and len(locked) > len(ranges)
    for required in ranges:
        version, _ = locked[canonicalize_name(required.name)]
        assert required.specifier.contains(version), required


def test_every_pin_has_a_hash_and_no_place_is_named():
    assert all(hashes for _, hashes in _locked().values())
    text = (runs_lib.ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?:|file://|--index|--find-links|--trusted", text)


def test_what_is_tested_is_what_users_get():
    """An extra that takes a package back below its range would go unseen, as pip does not say."""
    extras = ("-dev", "-export", "-export-no-deps", "-hub")
    for file in ("requirements.txt", *(f"requirements{x}.txt" for x in extras)):
        for required in _required(file):
            if required.marker is None or required.marker.evaluate():
                version = importlib.metadata.version(required.name)
                assert required.specifier.contains(version, prereleases=True), (file, required)
