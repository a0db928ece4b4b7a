"""The known facts of two public data sets; CAMPAIGN_DATA names their folder."""

import os
import pathlib

import pytest

from benchmarks.campaign import public_data

_DATA = pathlib.Path(os.environ.get("CAMPAIGN_DATA", "campaign_data"))


@pytest.fixture(scope="module")
def data():
    if not (_DATA / "hillstrom.csv.gz").exists():
        pytest.skip(f"no hillstrom.csv.gz in {_DATA}: set CAMPAIGN_DATA")
    return _DATA


def test_hillstrom(data, tmp_path):
    facts = {a: c for a, _, c in public_data.hillstrom(data, tmp_path)}
    assert facts["customers"] == "64,000"
    assert facts["visits"] == "10.62 / 18.28 / 15.14 %"
    assert facts["IPS of all men's"] == "18.25 ± 0.56 %"
    assert facts["verdict"] == "deploy Mens E-Mail"


@pytest.mark.slow
def test_upworthy(data):
    facts = {a: c for a, _, c in public_data.upworthy(data)}
    assert facts["sample ratio fails, faulty weeks"].startswith("67.1 %")
    assert facts["sample ratio fails, other weeks"].startswith("1.2 %")
    assert facts["one declared winner"] == "1,150"
