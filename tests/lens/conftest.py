"""Fixture: a scene of rows on small pictures, as the command hands it to a lens."""

import finished
import pytest


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    """Two trainings of each of four rows: A, C, twin and B, of which three share a backbone."""
    from qtlrun.compose import main
    from qtlrun.lens.dream import Dream
    from qtlrun.lens.view import View

    place = tmp_path_factory.mktemp("scene")
    root = finished.draw_pictures(place / "pictures")
    data = "dataset=folder", f"dataset.root={root}", "compare=[C,twin,B]"
    folder = finished.train(place, *data, *finished.SMALL)
    scenes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dream, "view", lambda self, scene: scenes.append(scene) or View())
        words = "study=interpret", f"run={folder}", "lens=[dream]"
        assert main([*words, f"home={place / 'home'}", f"outputs={place / 'seen'}"]) == 0
    return scenes[0]
