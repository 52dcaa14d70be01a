"""Synthetic hospitals: stand-ins for data sets, with the same schema and nobody's images."""
