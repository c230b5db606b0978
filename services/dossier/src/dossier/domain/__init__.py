"""What a dossier is: pure, without clock, I/O or framework."""
