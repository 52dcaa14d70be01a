"""From the publishers' downloads to one prepared HDF5 file a data set."""

import os

# Cases are worked on side by side; threads of the BLAS library would only be in their way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
