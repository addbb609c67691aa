"""Runtime and ClusterRuntime: compile their templates, check them, and translate a document into a built-in kind. No I/O."""
