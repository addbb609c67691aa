"""The endpoint that pods send metrics, results and entities to, and the commits that store them."""
