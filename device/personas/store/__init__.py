"""The persona of a shop: looks up orders, starts returns, cancels."""
