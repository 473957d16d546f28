"""Optimisation only: one loop, one task per noun."""
