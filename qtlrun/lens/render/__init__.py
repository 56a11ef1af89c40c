"""Pictures that make a number of a network large, and the atlas that is drawn of them."""
