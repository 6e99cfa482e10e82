"""Tokens of our drivers and of partners' drivers, and whether one may charge here and now."""
