"""How long each step of a turn took: traces, budgets, percentiles, and pictures of them."""
