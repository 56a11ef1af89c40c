"""Derivatives of the composed model, and whether its circuit can be trained by them."""
