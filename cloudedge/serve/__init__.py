"""A page to drop photos on, and the API behind it, for the own machine or the home network."""
