"""Ways to run the register, and the token that opens it; nothing here is imported by a service."""
