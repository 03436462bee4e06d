"""From trained weights to a model file that is gated, calibrated and measured."""
