"""Benchmarks: what a message or a page costs here, next to what a bare server pays for the same."""
