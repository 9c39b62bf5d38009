"""The personas that come with the software, a file or a folder each, and what they need beside a prompt."""
