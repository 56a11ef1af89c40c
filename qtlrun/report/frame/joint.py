"""Frame of the joint tests of a multiverse."""

import numpy as np
import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.predictions import Predictions
from qtlrun.report import schema


def joint_frame(predictions: dict[str, list[Predictions]]) -> pd.DataFrame:
    """Joint test of each reference over all protocols that every seed of both finished.

    `predictions` has the composed model first, each row in the order of the protocols. A reference
    without such a protocol has no line.
    """
    composed, *references = predictions
    lines = []
    for name in references:
        pairs = zip(predictions[composed], predictions[name], strict=True)
        differences = np.stack([(model.nll - other.nll).mean(1) for model, other in pairs], axis=1)
        whole = differences[:, np.isfinite(differences).all(0)]
        if whole.size:
            test = statistic.flip_signs(whole)
            sizes = {"reference": name, "protocols": whole.shape[1], "seeds": len(whole)}
            lines.append(sizes | vars(test))
    return schema.JOINT.frame(lines)
