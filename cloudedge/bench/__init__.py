"""How fast the models run on this device."""
