"""Months of rows as one page."""
