"""Items of a dataset that are equal, wherever they stand."""

from collections.abc import Mapping

from qtlrun.comparison.row import Duplicates


def count_duplicates(dataset, contents: Mapping[str, str]) -> Duplicates:
    """Compare the items of all splits; `contents` has the pixels' hash of items whose files differ
    and pictures do not.
    """
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    if dataset.validation is dataset.test:
        del splits["validation"]
    places: dict[str, int] = {}
    labels: dict[str, set[int]] = {}
    members = {
        name: [contents.get(item, item) for item in split.items] for name, split in splits.items()
    }
    for name, split in splits.items():
        for item, label in zip(members[name], split.labels.tolist(), strict=True):
            places[item] = places.get(item, 0) + 1
            labels.setdefault(item, set()).add(label)
    validation = members.get("validation", [])
    train = set(members["train"])
    held_out = set(validation)
    return Duplicates(
        distinct=len(places),
        repeated=sum(number > 1 for number in places.values()),
        contradictory=sum(len(own) > 1 for own in labels.values()),
        test=len(members["test"]),
        test_in_train=sum(item in train for item in members["test"]),
        test_in_validation=sum(item in held_out for item in members["test"]),
        validation=len(validation),
        validation_in_train=sum(item in train for item in validation),
    )
