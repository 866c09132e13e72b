"""Planning where visits take uncertain time, for all outcomes at once. No torch, no environment."""
