"""The notebook: stored without outputs, executed to its end."""

import nbclient
import nbformat
import pytest

from tests.support import runs as runs_lib

FILE = runs_lib.ROOT / "notebooks" / "tour.ipynb"
_CELL_S = 500  # a cell; without it a cell that hangs hangs for ever


@pytest.fixture
def notebook():
    return nbformat.read(FILE, as_version=4)


def test_it_is_valid_and_stores_no_outputs(notebook):
    nbformat.validate(notebook)
    assert FILE.stat().st_size < 50_000
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_it_is_in_french_too(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            french = cell.source.partition("\n\n*")[2]
            assert cell.source.startswith("#") and len(french) > 80, cell.source


@pytest.mark.slow
def test_it_runs_to_its_end(notebook, monkeypatch):
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "1")  # as most users have
    monkeypatch.delenv("XLA_FLAGS")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    client = nbclient.NotebookClient(
        notebook,
        timeout=_CELL_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(FILE.parent)}},
    )
    client.execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    kinds = [kind for out in outputs for kind in out.get("data", {})]
    assert kinds.count("image/png") == 7 and kinds.count("text/html") == 2
    printed = "".join(out.text for out in outputs if out.output_type == "stream")
    assert "'fd':" in printed and "trained to 4.0 of 4.0 kimg" in printed
