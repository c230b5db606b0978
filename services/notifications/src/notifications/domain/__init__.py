"""Who is told: pure, without clock, I/O or framework."""
