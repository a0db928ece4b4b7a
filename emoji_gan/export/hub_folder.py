"""Makes the files of a published model: card, weights, config, samples, licence, checksums."""

import copy
import json
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import ml_collections

from emoji_gan import images, methods
from emoji_gan.errors import UserError
from emoji_gan.export import checksums, model_card, sample_grid
from emoji_gan.runtime import workdir
from emoji_gan.trained import hub_source, model_file
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler
from emoji_gan.trained.source import Trained, open_trained
from eval.report import report_file
from input_pipeline.art import licences

SHIPPED = SHIPPED_MODEL.parent
_TRUNCATION = 0.7  # of the samples, as of the sampler's default
_MOST_DEMO_MB = 50


def files(
    repository: str,
    source: str,
    *,
    reports: Sequence[str] = (),
    licence: str | None = None,
    demo: str | None = None,
    code: str = "",
) -> dict[str, bytes]:
    """Returns the files of a published model by name; the same bytes for the same model.

    Args:
      repository: OWNER/NAME.
      source: a workdir or a model file.
      reports: report.json of evaluations of this model.
      licence: SPDX identifier of the model; None: as its data's licences ask.
      demo: an HTML page to put beside it.
      code: address of the program, for the card.

    Raises:
      UserError: the model or a report cannot be read, a report is of another model, or the licence
        of the data is unknown and none is given.
      DataError: the licences of the data cannot be kept at once.
    """
    trained = open_trained(source)
    work = work_of(trained.config)
    spdx = licence_of(work, licence)
    read_reports = tuple(_report(path, trained) for path in reports)
    made = {
        hub_source.MODEL: _weights(source, trained, work),
        "config.json": _config(trained),
        "NOTICE": _notice(work, spdx),
    }
    if spdx == "CC-BY-SA-4.0":
        made["LICENSE"] = (SHIPPED / "LICENSE").read_bytes()
    if demo:
        made["demo.html"] = _demo(demo)
    caption = ""
    if _draws_by_itself(trained):
        grid = sample_grid.draw(Sampler(source), _TRUNCATION)
        made["grid.png"], caption = images.png_bytes(grid.picture, grid.texts), grid.caption
    card = model_card.Card(
        repository=repository,
        trained=trained,
        licence=spdx,
        work=work,
        files=tuple(sorted([*made, checksums.FILE])),
        caption=caption,
        reports=read_reports,
        account=_account(source),
        code=code,
    )
    made["README.md"] = model_card.markdown(card).encode()
    return checksums.with_sums(made)


def write(folder: pathlib.Path, contents: dict[str, bytes]) -> None:
    """Writes files into a folder that is not there yet.

    Raises:
      UserError: it is there, or cannot be written.
    """
    if folder.exists():
        raise UserError(f"{folder} exists: give a new folder, which will hold nothing else")
    workdir.make_folder(folder)
    for name, data in contents.items():
        workdir.make_folder((folder / name).parent)
        workdir.write_atomic(folder / name, data)


def public(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a config without paths of this machine: of data, and of what training began from."""
    cleaned = copy.deepcopy(config)
    if "sources" in cleaned.get("data", {}):
        cleaned["data"]["sources"] = [s.partition("=")[0] for s in cleaned["data"]["sources"]]
    for section, key in ((cleaned.get("data", {}), "dir"), (cleaned, "init_from")):
        if section.get(key):
            section[key] = ""
    return cleaned


def _weights(source: str, trained: Trained, work: licences.Work) -> bytes:
    """Returns the model file: as it is, or anew where it is a run's or names paths."""
    if trained.is_file and json.dumps(public(trained.config)) == json.dumps(trained.config):
        return pathlib.Path(trained.path).read_bytes()
    generator = methods.load(trained.config["method"]).generator(
        ml_collections.FrozenConfigDict(trained.config), trained.spec
    )
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, hub_source.MODEL)
        model_file.write(
            path,
            trained.fields(generator.fields),
            config=public(trained.config),
            spec=trained.spec,
            step=trained.step,
            kimg_before=trained.kimg - trained.step * trained.config["batch_size"] / 1000,
            digest=trained.digest,
            licence="; ".join(work.credits),
        )
        return path.read_bytes()


def _config(trained: Trained) -> bytes:
    content = {
        "library_name": "emoji_gan",
        "method": trained.config["method"],
        "resolution": trained.config["data"]["resolution"],
        "conditions": trained.spec.to_json(),
        "kimg": trained.kimg,
        "step": trained.step,
        "config": public(trained.config),
    }
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _draws_by_itself(trained: Trained) -> bool:
    method = methods.load(trained.config["method"])
    config = ml_collections.FrozenConfigDict(trained.config)
    return method.generator(config, trained.spec).latents is not None


def work_of(config: dict[str, Any]) -> licences.Work:
    """Returns the work that a model is derived from: all its art together."""
    sources = [source.partition("=")[0] for source in config["data"]["sources"]]
    stated = config["data"].get("pairs", {}).get("licences", ())
    work, *others = [licences.of_style(source, stated) for source in sources]
    for other in others:
        work = licences.adapted(work, other)
    return work


def licence_of(work: licences.Work, given: str | None) -> str:
    """Returns the model's licence: the one that is given, the only one, or the share-alike one."""
    if given:
        return licences.parse(given).spdx
    alike = [x for x in work.licences if licences.SHARE_ALIKE in x.terms]
    choices = alike if len(work.licences) > 1 else list(work.licences)
    if licences.OWN in work.licences or len(choices) != 1:
        names = "; ".join(work.credits)
        raise UserError(
            f"which licence the model is under is not clear from its art ({names}): give "
            "--licence=SPDX, e.g. --licence=CC-BY-4.0, if you may"
        )
    return choices[0].spdx


def _notice(work: licences.Work, spdx: str) -> bytes:
    terms = "\n".join(f"  - {term}" for term in sorted(work.terms)) or "  - nothing"
    credits = "\n".join(f"  - {credit}" for credit in work.credits)
    return (
        f"This model, and what it draws, is under {spdx}.\n\nIt has learned from\n{credits}\n\n"
        f"Their licences ask of whoever passes it, or an adaptation, on:\n{terms}\n"
    ).encode()


def _report(path: str, trained: Trained) -> report_file.Report:
    report = report_file.load(path)
    if report.fake.checkpoint_hash != trained.digest:
        raise UserError(
            f"{path}: a report of another model than this one; judge it: python -m eval"
        )
    return report


def _demo(path: str) -> bytes:
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as e:
        raise UserError(f"cannot read {path}: {e.strerror}") from e
    if not data.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        raise UserError(f"{path} is no HTML page")
    if len(data) > _MOST_DEMO_MB * 1_000_000:
        raise UserError(f"{path} is larger than {_MOST_DEMO_MB} MB")
    return data


def _account(source: str) -> str:
    """Returns what is written about a shipped model; '' of others."""
    path = pathlib.Path(source).resolve()
    if path.parent != SHIPPED.resolve():
        return ""
    return model_card.section((SHIPPED / "README.md").read_text(encoding="utf-8"), path.name)
