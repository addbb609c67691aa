"""A throw-away real Kubernetes, built from Go modules: no container engine, no registry."""
