"""Tariffs: what a CPO charges, ours and what partners have sent us, and how it becomes a price."""
