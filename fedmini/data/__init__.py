"""Data: one HDF5 file a data set, its patients, how hospitals share them, and their scanners."""
