"""Drivers of our own: who they are to us, and how they pay."""
