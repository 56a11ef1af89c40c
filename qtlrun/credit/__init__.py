"""Credit of the parts of a head: what training each of them brings."""
