"""The skills and sentences that only the shop's persona has."""
