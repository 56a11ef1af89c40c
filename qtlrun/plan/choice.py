"""Swept keys of whose values validation may choose one."""

# Keys, with all below them, of which validation chooses no value
UNCHOSEN_KEYS = (
    "accelerator",
    "compare",
    "dataset",
    "device",
    "dtype",
    "experiment",
    "folds",
    "margin",
    "published",
    "seeds",
    "splits",
    "study",
)
# Names of such values of any part: how finely or by which chance it is computed
UNCHOSEN_NAMES = (
    "cutoff",
    "diff_method",
    "method",
    "precision",
    "seed",
    "shots",
    "split_seed",
)


def is_choice(key: str) -> bool:
    """Whether the values of a swept key are models of one task, so that one may be chosen.

    Seeds are luck, references leave the model as it is, and a finer simulation or more measurements
    are no better model: of none of them a value is chosen.
    """
    return key.partition(".")[0] not in UNCHOSEN_KEYS and (
        key.rpartition(".")[2] not in UNCHOSEN_NAMES
    )
