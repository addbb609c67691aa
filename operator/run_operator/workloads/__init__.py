"""The objects that are built for a Run: Job, Deployment, Service, claims, files. No I/O."""
