"""The server side of the page of Runs: rows, details, curves and live streams. The page itself is in `web/` of the repository."""
