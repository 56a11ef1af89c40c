"""Tables that are installed with scikit-learn, read without loading it."""

from importlib import metadata

import numpy as np
from jaxtyping import Float64


def read_table(name: str, header: int = 0) -> Float64[np.ndarray, "items columns"]:
    """Numbers of one of its files, a line per item; `header` lines at the top are left aside."""
    path = metadata.distribution("scikit-learn").locate_file(f"sklearn/datasets/data/{name}")
    return np.loadtxt(str(path), delimiter=",", skiprows=header)
