"""Who is first: pure, without clock, I/O or framework."""
