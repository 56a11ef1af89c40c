"""Fixture: the pictures of which features are computed, counted."""

import pytest


@pytest.fixture
def computed(monkeypatch):
    """Of how many pictures features were computed, each time that they were."""
    from qtlrun.experiment import feature

    calls, extended = [], feature._extend_pool

    def counted(parts, entry, splits):
        calls.append(len(feature.missing_items(entry, splits)))
        return extended(parts, entry, splits)

    monkeypatch.setattr(feature, "_extend_pool", counted)
    return calls
