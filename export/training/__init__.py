"""Training by a recipe, in a folder that a run can be resumed from."""
