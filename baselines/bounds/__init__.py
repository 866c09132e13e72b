"""Lower bounds on tours, and the guides that follow from them."""
