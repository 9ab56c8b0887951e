"""Workloads on graphflow and on its peers, side by side: `python -m tests.benchmarks --help`."""
