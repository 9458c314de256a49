"""Prefect flows over the DVC pipeline: they ask DVC for its stages and name none."""
