"""The commands of `python -m export`: thin layers over its modules."""
