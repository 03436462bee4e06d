"""The commands of `python -m export`, thin faces over its modules."""
