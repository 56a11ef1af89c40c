"""Frames of study=gradients: methods, boundaries, costs, and the gradient's flow."""

from qtlrun.report.column import Schema, columns
from qtlrun.report.schema import ROW

METHOD = columns(
    ("device", "text", "", "statevector, or the name of PennyLane's device"),
    ("method", "text", "", "engine of the statevector, or PennyLane's gradient method"),
)
MODEL_LAYER = (
    ROW,
    *columns(
        ("state", "text", "", "start or trained"),
        ("layer", "text", "", "name of the layer"),
    ),
)
METHODS = Schema(
    METHOD
    + columns(
        ("composed", "bool", "", "whether the composed device differentiates so"),
        ("works", "bool", "", "whether it can have the circuit"),
        ("reason", "text", "", "why not"),
        ("ms", "float64", "ms", "of a step, forward and backward; nan where it does not work"),
        ("timed", "int64", "", "items that were timed; 0: forecast from a forward pass"),
        ("MiB", "float64", "MiB", "of resident memory at a step's peak; nan: not measured"),
        ("executions", "int64", "", "circuits of a step"),
        ("values", "float64", "", "largest difference of values from the reference"),
        ("gradient", "float64", "", "largest difference of the gradient; nan: not compared"),
        ("noise", "float64", "", "deviation of the gradient in sizes of the exact one"),
        ("deviations", "float64", "", "standard errors of the farthest number"),
        ("limit", "float64", "", "of these, above which a method counts as biased"),
    )
)
BOUNDARIES = Schema(
    METHOD
    + columns(
        ("boundary", "text", "", "what passes; device: as PennyLane's device returns it"),
        ("dtype", "text", "", "of its numbers"),
        ("shape", "text", "", "circuits, items, numbers"),
        ("accelerator", "text", "", "where it is: cpu, cuda or mps"),
    )
)
COSTS = Schema(
    METHOD
    + columns(
        ("size", "text", "", "what varies: qubits, depth or batch"),
        ("value", "int64", "", "its value; the others are those of the model"),
        ("ms", "float64", "ms", "of a step, forward and backward; nan: not run"),
        ("reason", "text", "", "why the curve ends here; empty elsewhere"),
    )
)
FLOW = Schema(
    MODEL_LAYER
    + columns(
        ("position", "int64", "", "number of the layer, from the loss on"),
        ("weights", "int64", "", "numbers of its weights"),
        ("trained", "bool", "", "whether the recipe moves it"),
        ("norm", "float64", "", "of the gradient by its weights, root mean square over batches"),
        ("rms", "float64", "", "the same of one weight"),
        ("signal", "float64", "", "norm of the mean over batches by the norm of deviations"),
        ("batches", "int64", "", "over which it was taken"),
    )
)
ACTIVITY = Schema(
    MODEL_LAYER
    + columns(
        ("kind", "text", "", "dead: 0 for all items; saturated: of size above 0.99 of the largest"),
        ("units", "int64", "", "channels or numbers that were looked at"),
        ("share", "float64", "share", "of the units that are dead, or of values saturated"),
    )
)
