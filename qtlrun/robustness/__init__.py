"""Trained rows under noise: curves, the strength at which they lose, mitigation."""
