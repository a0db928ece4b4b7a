"""Tests that share a costly fixture are given to one worker of pytest-xdist."""

import pytest


def test_every_group_reaches_the_scheduler(request):
    """What follows the @ in a test's name is all that the scheduler goes by."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("no worker of `--dist loadgroup`")
    grouped = [x for x in request.session.items if x.get_closest_marker("xdist_group")]
    assert request.node not in grouped and "@" not in request.node.nodeid
    for item in grouped:
        assert item.nodeid.endswith(f"@{item.get_closest_marker('xdist_group').args[0]}")
