"""Names every reader that is fuzzed."""

from tests.fuzz import (
    config_reader,
    icon_set_readers,
    name_reader,
    picture_readers,
    seal_reader,
    weights_reader,
)
from tests.fuzz.fuzz_runner import Reader

READERS: dict[str, Reader] = {
    "name": name_reader.NAME,
    "png": picture_readers.PNG,
    "svg": picture_readers.SVG,
    "icon JSON": icon_set_readers.ICON_JSON,
    "zip": icon_set_readers.ZIP,
    "config overrides": config_reader.CONFIG_OVERRIDES,
    "checkpoint manifest": seal_reader.CHECKPOINT_MANIFEST,
    "state dict": weights_reader.STATE_DICT,
}
