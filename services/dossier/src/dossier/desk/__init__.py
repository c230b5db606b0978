"""The desk of a case worker: what waits for him, the dossiers of his company by name or number, and notes among colleagues."""
