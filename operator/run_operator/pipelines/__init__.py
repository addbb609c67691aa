"""A workflow becomes a list of steps, and each step a Run. No I/O."""
