"""Runs as jobs of a Ray cluster, by way of the Ray Jobs API; the package ``ray`` itself is never imported."""
