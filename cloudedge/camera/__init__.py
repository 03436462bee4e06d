"""A camera by its address: fetching its pictures, keeping them, and turning them into captures."""
