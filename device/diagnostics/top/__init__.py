"""A running assistant, live in a terminal over ssh: `nearfield top` (docs/ssh.md)."""
