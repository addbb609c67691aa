"""The page's data, computed from objects of the cluster. No I/O."""
