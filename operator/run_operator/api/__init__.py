"""The custom resources as Python values: Runs, Runtimes, RunLogs, their conditions, states and policies. No I/O."""
