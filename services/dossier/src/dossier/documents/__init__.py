"""Documents: brought for a fact of a person, kept as files, and judged by a case worker."""
