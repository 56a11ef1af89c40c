"""A device that compiles each circuit once."""


class CachedDevice:
    """Exact device, shared by all rows of a session.

    To trace a circuit takes longer than to build the rest of a head.
    """

    def __init__(self, device):
        self.device = device
        self._compiled = {}

    def run(self, circuit, entangle: bool = True):
        """The circuit as a batched function, compiled at the first call."""
        key = id(circuit), entangle
        if key not in self._compiled:
            # The circuit stays referenced, so that no other takes its id
            self._compiled[key] = (circuit, self.device.run(circuit, entangle))
        return self._compiled[key][1]

    def __getattr__(self, name: str):
        return getattr(self.device, name)
