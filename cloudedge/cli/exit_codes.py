"""The exit codes, and the words for them under each --help."""

NOT_ALL_CLASSIFIED, MODEL_UNUSABLE, OUTPUT_IN_USE, INTERRUPTED = 1, 3, 4, 130

EXIT_CODES = """Exit codes: 0 every photo was classified; 1 some were not; 2 wrong usage; 3 the model or onnxruntime
cannot be used; 4 another cloudedge is writing the output; 130 interrupted."""
