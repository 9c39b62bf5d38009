"""What whoever keeps an appliance running can ask it: measuring, levels, advice."""
