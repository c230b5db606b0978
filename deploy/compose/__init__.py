"""The register in containers: the same services, as production runs them."""
