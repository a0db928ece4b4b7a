"""Fetches a published model from the Hugging Face Hub: one commit, its SHA-256 checked.

    --model=hub:OWNER/NAME@COMMIT
    --model=hub:OWNER/NAME@COMMIT#SHA256

A commit is named by its full hash, so that the same command draws the same emoji for ever. What is
fetched stays in the cache of `huggingface_hub` (HF_HOME) and is read from there without a network.
"""

import contextlib
import hashlib
import os
import pathlib
import re
import types
from collections.abc import Iterator
from typing import Any

from emoji_gan.errors import UserError

PREFIX = "hub:"
MODEL = "model.safetensors"  # as a published folder calls it
SUMS = "SHA256SUMS"
_FILES = (SUMS, MODEL)
INSTALL = "pip install -r requirements-hub.txt"
TOKEN_HELP = "set HF_TOKEN, or log in with: hf auth login"
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ADDRESS = re.compile(rf"{PREFIX}({REPOSITORY.pattern})(?:@([^@#\s]+))?(?:#([0-9a-f]{{64}}))?")


def is_address(source: str) -> bool:
    """Returns whether a model's source is an address on the Hub rather than a path."""
    return source.startswith(PREFIX)


def from_hub(address: str) -> str:
    """Fetches the model file of an address, or takes it from the cache.

    Args:
      address: hub:OWNER/NAME@COMMIT, where #SHA256 may follow: of the model file.

    Returns:
      The path of the file, whose SHA-256 is the one that was published with it.

    Raises:
      UserError: the address is malformed or names no commit, there is no such model, the Hub cannot
        be reached, or the file has another hash; it is then removed from the cache.
    """
    match = _ADDRESS.fullmatch(address)
    if not match:
        raise UserError(f"{address}: expected hub:OWNER/NAME@COMMIT, as a published model's page")
    repository, commit, sha256 = match.groups()
    sums, model = _files(repository, commit, address)
    try:
        published = parse_sums(sums.read_text(encoding="utf-8")).get(MODEL)
    except ValueError:  # no text
        published = None
    actual = hashlib.sha256(model.read_bytes()).hexdigest()
    if actual != published:
        for path in (sums, model):
            path.resolve().unlink(missing_ok=True)  # what the name in the cache links to
            path.unlink(missing_ok=True)
        raise UserError(
            f"{address}: {MODEL} has SHA-256 {actual}, {SUMS} has {published}; removed from the "
            "cache, the same command fetches it anew"
        )
    if sha256 not in (None, actual):
        raise UserError(f"{address}: {MODEL} there has another SHA-256, {actual}")
    return str(model)


def _files(repository: str, commit: str | None, address: str) -> list[pathlib.Path]:
    """Returns the paths of the sums and the model in the cache, and fetches what is not there."""
    hub = client()
    api = hub.HfApi()
    if is_commit := bool(_COMMIT.fullmatch(commit or "")):
        cached = [hub.try_to_load_from_cache(repository, name, revision=commit) for name in _FILES]
        if all(isinstance(path, str) for path in cached):
            return [pathlib.Path(path) for path in cached]
    with translated(f"{PREFIX}{repository}"), _kind_named(hub, api, repository):
        # Fails at once where a download would try again for half a minute.
        newest = api.model_info(repository, revision=commit).sha
        if not is_commit:
            raise UserError(
                f"{address}: a branch or tag may move: name the commit, which now is "
                f"{PREFIX}{repository}@{newest}"
            )
        return [
            pathlib.Path(api.hf_hub_download(repository, name, revision=commit)) for name in _FILES
        ]


def parse_sums(text: str) -> dict[str, str]:
    """Reads lines of `sha256sum`: file -> SHA-256; others are passed over."""
    lines = (re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line) for line in text.splitlines())
    return {match[2]: match[1] for match in lines if match}


def client() -> types.ModuleType:
    """Imports `huggingface_hub`.

    It fetches and sends by HTTP and git LFS, not by Xet: models of a few megabytes gain nothing,
    and what tests can walk is what users do.

    Raises:
      UserError: it is not installed.
    """
    os.environ["HF_HUB_DISABLE_XET"] = "1"  # read once, at the first import
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError as e:
        raise UserError(f"models on the Hub need huggingface_hub: {INSTALL}") from e
    huggingface_hub.utils.disable_progress_bars()
    return huggingface_hub


@contextlib.contextmanager
def _kind_named(hub: types.ModuleType, api: Any, repository: str) -> Iterator[None]:
    """Says so where a data set or a Space has the name of a model that is not there."""
    try:
        yield
    except hub.errors.RepositoryNotFoundError:
        for kind in ("dataset", "space"):
            with contextlib.suppress(hub.errors.HfHubHTTPError):
                api.repo_info(repository, repo_type=kind)
                raise UserError(f"{PREFIX}{repository} is a {kind}, no model") from None
        raise


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns errors of the Hub and of the network into one line.

    Args:
      what: the repository, as the line begins.

    Raises:
      UserError: for any of them.
    """
    hub = client()
    try:
        yield
    except UserError:
        raise
    # RuntimeError: an upload of a file failed, for the reason that is its cause.
    except (hub.errors.HTTPError, OSError, RuntimeError, ValueError) as e:
        is_wrapped = isinstance(e, RuntimeError | hub.errors.LocalEntryNotFoundError)
        cause = (e.__cause__ if is_wrapped else None) or e
        raise UserError(f"{what}: {_reason(cause, hub.errors)}") from e


def _reason(error: BaseException, errors: types.ModuleType) -> str:
    if isinstance(error, errors.GatedRepoError):
        return f"its owner asks for consent on its page, and for your token: {TOKEN_HELP}"
    if isinstance(error, errors.RevisionNotFoundError):
        return "has no such commit, branch or tag"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"was not published by this program: it lacks {SUMS} or {MODEL}"
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    message = getattr(response, "headers", {}).get("X-Error-Message") or ""
    if status == 401 and re.search("token|credentials", message, re.IGNORECASE):
        return f"the Hub refuses the token: {TOKEN_HELP}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"no such model on the Hub, or a private one that asks for a token: {TOKEN_HELP}"
    if status in (401, 403):
        return f"the token has no right to do that there ({status}); it needs write access"
    if status is not None:
        return f"the Hub answers {status}; {message or 'try again later'}"
    first = (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(error, errors.HTTPError | ConnectionError | errors.LocalEntryNotFoundError):
        return "the Hub cannot be reached, and it is not in the cache: is the network on?"
    return first
