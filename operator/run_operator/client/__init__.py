"""The Python client: the `Run` object, and what it needs to read, write, watch and wait. `cli/` is runctl."""
