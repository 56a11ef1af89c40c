"""Derivatives of a composed model: methods, agreement, cost, and the gradient's flow."""
