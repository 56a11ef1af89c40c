"""Shape of a layer's points, how alike layers are, and what a circuit does to items."""
