"""What a network is asked to do: its loss, the evidence kept of each image, the metrics of it.

A task has `outputs`, the network's output channels; `primary`, the name of its headline metric; and
- `loss(logits, targets)`, a scalar to train on, without a host synchronisation;
- `evidence(logits, targets)`, one row an image: all that the metrics will ask about it;
- `metrics(evidence, patients, multiplicity)`, from the rows of a whole split, the patient being
  the unit, for one or for many resamples of the patients at once.
"""
