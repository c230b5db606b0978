"""What containers need where nothing is installed and no container registry is reachable: an engine, and base images."""
