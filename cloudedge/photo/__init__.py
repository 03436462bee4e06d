"""From a file to pixels and the time when they were taken: formats, limits, the crop."""
