"""The networks, built from plain layers, and how their parameters get their first values."""
