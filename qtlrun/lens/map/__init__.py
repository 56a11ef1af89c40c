"""Saliency maps: their methods, their checks, and what is read of them."""
