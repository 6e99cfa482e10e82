"""Locations with their EVSEs and connectors: our own, and those that partners have sent us."""
