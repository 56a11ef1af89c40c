"""Surface of the training loss around trained weights: planes, path, curvature."""
