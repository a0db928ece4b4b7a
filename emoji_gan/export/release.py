"""Packs the shipped models as a zip with notes, the same bytes each time, and pushes a tag."""

import argparse
import hashlib
import io
import pathlib
import re
import tomllib
import zipfile

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.export import checksums, hub_folder, release_git
from emoji_gan.trained.source import open_trained

METAVAR = "VERSION"
NOTES = "RELEASE_NOTES.md"
_ROOT = hub_folder.SHIPPED.parent
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
_BESIDE_MODELS = ("LICENSE", "NOTICE")  # of the project, beside the models and their cards
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip can hold


def add_arguments(p: argparse._ArgumentGroup) -> None:
    """Adds the target's flags."""
    p.add_argument(
        "--push",
        metavar="REMOTE",
        help="a remote or address of git: send the branch and a new tag there",
    )


def run(a: argparse.Namespace) -> int:
    """Writes the zip, its checksum and the notes, and pushes where that is wanted."""
    return publish(_ROOT, a.release, a.out, a.push)


def publish(root: pathlib.Path, version: str, out: str | None, remote: str | None) -> int:
    """Makes a release of a checkout.

    Args:
      root: of the checkout.
      version: as pyproject.toml has it.
      out: a new folder; None: release-VERSION.
      remote: of git; None: nothing is pushed.

    Raises:
      UserError: the version is malformed or not the project's, the folder exists, a model is
        damaged, or git refuses; nothing is written or tagged then.
    """
    _check_version(root, version)
    folder = pathlib.Path(out or f"release-{version}")
    if folder.exists():
        raise UserError(f"{folder} exists: give a new folder, which will hold nothing else")
    repository = release_git.Repository(root)
    tag = f"v{version}"
    if remote:
        repository.check_clean(tag)
    name = f"emoji_gan-models-{version}"
    packed = archive(contents(root), name)
    digest = hashlib.sha256(packed).hexdigest()
    files = {f"{name}.zip": packed, NOTES: notes(root, repository, version, digest).encode()}
    hub_folder.write(folder, checksums.with_sums(files))
    print(checksums.table(files))
    print(f"written to {folder}")
    if remote:
        branch = repository.push(remote, tag, f"Release {version}")
        print(f"pushed {branch} and {tag}; now attach the files, by hand or by")
        print(f"    gh release create {tag} {folder}/*.zip {folder}/{checksums.FILE} \\")
        print(f"      --title {version} --notes-file {folder}/{NOTES}")
    return errors.EXIT_OK


def contents(root: pathlib.Path) -> dict[str, bytes]:
    """Returns the files of the zip by name: models, cards, licences, checksums.

    Raises:
      UserError: there is no model, or one is damaged.
    """
    models = sorted((root / "models").glob("*.safetensors"))
    if not models:
        raise UserError(f"there is no model in {root / 'models'}")
    for path in models:
        open_trained(str(path))  # checks the arrays against their hash
    paths = [*models, *((root / "models" / name) for name in ("README.md", "LICENSE"))]
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    files |= {name: (root / name).read_bytes() for name in _BESIDE_MODELS}
    return checksums.with_sums(files)


def archive(files: dict[str, bytes], folder: str) -> bytes:
    """Packs files under one folder: sorted, at one time, not compressed.

    Weights hardly shrink, and what a compressor writes depends on its version.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as packed:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{folder}/{name}", _EPOCH)
            entry.create_system = 3  # Unix, on whatever system this runs
            entry.external_attr = 0o100644 << 16
            packed.writestr(entry, files[name])
    return buffer.getvalue()


def notes(root: pathlib.Path, repository: release_git.Repository, version: str, digest: str) -> str:
    """Returns what a release says of itself, Markdown.

    Args:
      root: of the checkout.
      repository: of the checkout.
      version: of the release.
      digest: SHA-256 of the zip.
    """
    lines = [
        f"# emoji_gan {version}",
        "",
        f"Commit {repository.commit()}, {repository.date()}.",
        "",
    ]
    lines += ["| model | method | px | kimg | bytes | SHA-256 |", "|---|---|---|---|---|---|"]
    for path in sorted((root / "models").glob("*.safetensors")):
        trained, data = open_trained(str(path)), path.read_bytes()
        cells = (
            path.name,
            trained.config["method"],
            trained.config["data"]["resolution"],
            f"{trained.kimg:,.1f}",
            f"{len(data):,}",
            f"`{hashlib.sha256(data).hexdigest()}`",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    archive_name = f"emoji_gan-models-{version}.zip"
    lines += [
        "",
        f"`{archive_name}` has SHA-256 `{digest}`. It holds the models, their cards, their licence",
        f"(CC BY-SA 4.0) and `{checksums.FILE}` of them.",
        "",
        "    sha256sum -c SHA256SUMS",
        f"    unzip {archive_name}",
        "",
    ]
    earlier, subjects = repository.changes()
    lines += [f"## Changes since {earlier}" if earlier else "## First release", ""]
    lines += [f"- {subject}" for subject in subjects] if earlier else []
    return "\n".join(lines).rstrip() + "\n"


def _check_version(root: pathlib.Path, version: str) -> None:
    if not _VERSION.fullmatch(version):
        raise UserError(f"--release={version}: expected a version such as 0.1.0 or 1.0.0rc1")
    if (own := project_version(root)) != version:
        raise UserError(f"--release={version}: pyproject.toml says {own}; change it first")


def project_version(root: pathlib.Path) -> str:
    """Returns the version in pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["version"]
