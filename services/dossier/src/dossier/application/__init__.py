"""The application of a candidate, screen by screen."""
