"""Differential privacy: the noise that a release needs, and the account of what a run has spent.

mechanism.py bounds and hides one contribution; accountant.py adds up a run, with renyi.py and
gaussian.py behind it. The accountant is pure mathematics and never sees a tensor.
"""
