"""Frames of study=gradients: methods, boundaries, costs, and the gradient's flow."""

from qtlrun.report.schema import Column, Schema

DEVICE = Column("device", "text", "", "statevector, or the name of PennyLane's device")
METHOD = Column("method", "text", "", "engine of the statevector, or PennyLane's gradient method")
METHODS = Schema(
    (
        DEVICE,
        METHOD,
        Column("composed", "bool", "", "whether the composed device differentiates so"),
        Column("works", "bool", "", "whether it can have the circuit"),
        Column("reason", "text", "", "why not"),
        Column(
            "ms", "float64", "ms", "of a step, forward and backward; nan where it does not work"
        ),
        Column("timed", "int64", "", "items that were timed; 0: forecast from a forward pass"),
        Column("MiB", "float64", "MiB", "of resident memory at a step's peak; nan: not measured"),
        Column("executions", "int64", "", "circuits of a step"),
        Column("values", "float64", "", "largest difference of values from the reference"),
        Column("gradient", "float64", "", "largest difference of the gradient; nan: not compared"),
        Column("noise", "float64", "", "deviation of the gradient in sizes of the exact one"),
        Column("deviations", "float64", "", "standard errors of the farthest number"),
        Column("limit", "float64", "", "of these; a method without bias exceeds it once in 1000"),
    )
)
BOUNDARIES = Schema(
    (
        DEVICE,
        METHOD,
        Column("boundary", "text", "", "what passes; device: as PennyLane's device returns it"),
        Column("dtype", "text", "", "of its numbers"),
        Column("shape", "text", "", "circuits, items, numbers"),
        Column("accelerator", "text", "", "where it is: cpu, cuda or mps"),
    )
)
COSTS = Schema(
    (
        DEVICE,
        METHOD,
        Column("size", "text", "", "what varies: qubits, depth or batch"),
        Column("value", "int64", "", "its value; the others are those of the model"),
        Column("ms", "float64", "ms", "of a step, forward and backward; nan: not run"),
        Column("reason", "text", "", "why the curve ends here; empty elsewhere"),
    )
)
FLOW = Schema(
    (
        Column("row", "text", "", "label of the row"),
        Column("state", "text", "", "start or trained"),
        Column("layer", "text", "", "name of the layer"),
        Column("position", "int64", "", "number of the layer, from the loss on"),
        Column("weights", "int64", "", "numbers of its weights"),
        Column("trained", "bool", "", "whether the recipe moves it"),
        Column(
            "norm", "float64", "", "of the gradient by its weights, root mean square over batches"
        ),
        Column("rms", "float64", "", "the same of one weight"),
        Column("signal", "float64", "", "norm of the mean over batches by the norm of deviations"),
        Column("batches", "int64", "", "over which it was taken"),
    )
)
ACTIVITY = Schema(
    (
        Column("row", "text", "", "label of the row"),
        Column("state", "text", "", "start or trained"),
        Column("layer", "text", "", "name of the layer"),
        Column("kind", "text", "", "dead: 0 for all items; saturated: within 1 % of an end"),
        Column("units", "int64", "", "channels or numbers that were looked at"),
        Column("share", "float64", "share", "of the units that are dead, or of values saturated"),
    )
)
