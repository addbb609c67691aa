"""The operator process: streams, store, queue, workers, reconciler and executor."""
