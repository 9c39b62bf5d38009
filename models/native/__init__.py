"""What must be measured in machine code, for `models.process`."""
