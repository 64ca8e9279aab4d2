"""Networks found by themselves under a budget."""
