"""Networks in whole numbers, as exported C computes them."""
