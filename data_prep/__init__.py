"""From the publishers' downloads to one prepared HDF5 file a data set."""
