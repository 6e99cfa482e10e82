"""Servers that benchmarks load: each prints its URL as one line and runs until it is terminated."""
