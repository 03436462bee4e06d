"""The labelled photos: lists, folds, copies, corrections and strange sights; it needs no torch."""
