"""Derivatives of the composed model: methods, cost, flow; whether they can train it."""
