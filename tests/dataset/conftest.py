from importlib.util import find_spec

import pytest
from composition import part
from divided import DRAWN, divided
from PIL import Image
from public_sets import SETS

from qtlrun.dataset import hymenoptera
from qtlrun.dataset.digits import digits
from qtlrun.dataset.folder import folder
from qtlrun.plan import build

TRAIN, GIVEN = {"ants": 23, "bees": 17}, {"ants": 4, "bees": 3}  # pictures a class
SMALL = {
    "spirals": {"points": 30},
    "moons": {"points": 60},
    "square": {"points": 90},
    "iris": {},
    "textures": {"crop": 64},
}


@pytest.fixture(scope="session")
def painted(tmp_path_factory):
    """Three folders, with class folders alone, with a part that is the test split, and with all
    three parts.
    """
    place = tmp_path_factory.mktemp("painted")
    layouts = {
        "alone": {"": TRAIN},
        "published": {"train": TRAIN, "val": GIVEN},
        "three": {"train": TRAIN, "val": GIVEN, "test": GIVEN},
    }
    for layout, parts in layouts.items():
        for shade, (name, counts) in enumerate(parts.items()):
            for label, (kind, count) in enumerate(counts.items()):
                (place / layout / name / kind).mkdir(parents=True)
                for number in range(count):
                    picture = Image.new("RGB", (8, 6), (shade, label, number))
                    picture.save(place / layout / name / kind / f"{number:02}.png")
    (place / hymenoptera.NAME).symlink_to(place / "published", target_is_directory=True)
    return place


@pytest.fixture(scope="session")
def fetched(tmp_path_factory):
    """The data folder of the stand-ins for public sets."""
    place = tmp_path_factory.mktemp("fetched")
    for public in SETS.values():
        public.lay(place)
    return place


@pytest.fixture(params=[*DRAWN, "digits"])
def name(request):
    """Every dataset that is divided by a seed."""
    return request.param


@pytest.fixture
def drawn(name):
    """The split that a fold is."""
    return DRAWN.get(name, "test")


@pytest.fixture
def make(name, painted, fetched, monkeypatch):
    """Makes a dataset by values of its keys; small pictures stand in for real ones."""
    if name == "digits":
        return lambda **values: digits([3, 8], [0.0, 0.2], train=12, validation=6, **values)
    if name in ("alone", "published"):
        return lambda **values: divided(folder, str(painted / name), **values)
    if name == "hymenoptera":
        monkeypatch.setattr(hymenoptera, "_check", lambda *of: None)
        return lambda **values: divided(hymenoptera.hymenoptera, painted, **values)
    if name in SETS:
        SETS[name].install(monkeypatch)
        return lambda **values: SETS[name].make(fetched, list(SETS[name].classes[3:6]), **values)
    if name == "textures" and find_spec("skimage") is None:
        pytest.skip("the extra photos is not here")
    target = part("dataset", name) | SMALL[name]
    return lambda **values: build("dataset", target | values)
