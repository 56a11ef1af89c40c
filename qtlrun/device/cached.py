"""A device that makes each circuit ready once."""


class Ready:
    """An exact device, shared by all rows of a session: to trace a circuit takes longer than to
    build the rest of a head.
    """

    def __init__(self, device):
        self.device = device
        self._made = {}

    def run(self, circuit, entangle: bool = True):
        """The circuit as a batched function, the one that was made when this circuit was first
        asked for.
        """
        key = id(circuit), entangle
        if key not in self._made:
            self._made[key] = (
                circuit,
                self.device.run(circuit, entangle),
            )  # the circuit is kept, so that its id stays its own
        return self._made[key][1]

    def __getattr__(self, name: str):
        return getattr(self.device, name)
