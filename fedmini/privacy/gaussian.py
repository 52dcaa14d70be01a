"""The Gaussian mechanism without sampling: its exact epsilon (Balle, Wang 2018, Theorem 8).

Steps that all take part in are one Gaussian: noise multipliers z_i together shift a standard normal
by mu = sqrt(sum 1 / z_i^2). So this is no bound but the truth, for any epsilon; the classic
sqrt(2 ln(1.25 / delta)) / z holds for epsilon below 1 only.
"""

import math


def epsilon(mu: float, delta: float) -> float:
    """The epsilon of a standard normal shifted by `mu` > 0, never below 0, rounded up."""
    if math.isinf(mu * mu):
        return math.inf
    # In a = epsilon / mu - mu / 2 nothing cancels, however large mu is. delta(a) falls; where it
    # starts epsilon is 0, or delta(-9) = 1; where it ends Phi(-a) <= exp(-a^2 / 2) = delta.
    low, high = max(-mu / 2, -9.0), math.sqrt(-2 * math.log(delta))
    if _delta(low, mu) <= delta:
        return 0.0
    for _ in range(64):
        middle = (low + high) / 2
        low, high = (low, middle) if _delta(middle, mu) <= delta else (middle, high)
    return mu * (high + mu / 2)


def _delta(a: float, mu: float) -> float:
    # delta = Phi(-a) - e^epsilon Phi(-b), b = a + mu (Eq. 8.1); e^epsilon Phi(-b) = phi(a) mills(b)
    density = math.exp(-a * a / 2) / math.sqrt(2 * math.pi)
    return math.erfc(a / math.sqrt(2)) / 2 - density * _mills(a + mu)


def _mills(b: float) -> float:
    """Phi(-b) / phi(b) for b >= 0."""
    if b < 30:
        return math.sqrt(math.pi / 2) * math.exp(b * b / 2) * math.erfc(b / math.sqrt(2))
    return (1 - (1 - (3 - 15 / b**2) / b**2) / b**2) / b
