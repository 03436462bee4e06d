"""The command line: a thin face over the library, a module for each command."""
