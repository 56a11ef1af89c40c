import pytest
from PIL import Image

from qtlrun.dataset import hymenoptera
from qtlrun.dataset.digits import Digits
from qtlrun.dataset.folder import Folder
from qtlrun.dataset.hymenoptera import Hymenoptera

TRAIN, GIVEN = {"ants": 23, "bees": 17}, {"ants": 4, "bees": 3}  # pictures a class


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
        for shade, (part, counts) in enumerate(parts.items()):
            for label, (name, count) in enumerate(counts.items()):
                (place / layout / part / name).mkdir(parents=True)
                for number in range(count):
                    picture = Image.new("RGB", (8, 6), (shade, label, number))
                    picture.save(place / layout / part / name / f"{number:02}.png")
    (place / hymenoptera.NAME).symlink_to(place / "published", target_is_directory=True)
    return place


@pytest.fixture(params=["digits", "alone", "published", "hymenoptera"])
def layout(request):
    """Every dataset; a folder once for each way in which it comes by its test split."""
    return request.param


@pytest.fixture
def make(layout, painted, monkeypatch):
    """Makes the dataset of a layout; small pictures stand in for the real ants and bees."""
    monkeypatch.setattr(hymenoptera, "_check", lambda *of: None)
    return {
        "digits": lambda **values: Digits([3, 8], [0.0, 0.2], train=12, validation=6, **values),
        "alone": lambda **values: Folder(str(painted / "alone"), **values),
        "published": lambda **values: Folder(str(painted / "published"), **values),
        "hymenoptera": lambda **values: Hymenoptera(painted, **values),
    }[layout]


@pytest.fixture
def refusal(make):
    """The words with which the dataset refuses some values."""

    def words(**values):
        with pytest.raises(ValueError) as error:
            make(**values)
        return str(error.value)

    return words


@pytest.fixture
def early_refusals(tmp_path):
    """The words of digits, folder and ants and bees for some values, where there is nothing to look
    at yet, and nothing is left.
    """

    def words(**values):
        said = []
        for dataset, *place in (
            (Digits, [3, 8], [0.0, 0.2], 12, 6),
            (Folder, "/nowhere"),
            (Hymenoptera, tmp_path),
        ):
            with pytest.raises(ValueError) as error:
                dataset(*place, **values)
            said.append(str(error.value))
        assert not list(tmp_path.iterdir())
        return said

    return words
