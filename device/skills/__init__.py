"""What it can do: skills, and the sentences that call them."""
