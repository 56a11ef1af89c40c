"""Figures that the tests of small runs leave undrawn."""

FIGURES = ("learning_curves", "confusion", "accuracy")  # of every comparison


def leave_undrawn(patch, encode=lambda drawing: {}):
    """Encode no figure, nor draw those of every comparison: of a small run they take longest."""
    from matplotlib.figure import Figure

    from qtlrun.report import figure

    patch.setattr(figure, "encode", encode)
    for name in FIGURES:
        patch.setattr(figure, name, lambda comparison: Figure())
