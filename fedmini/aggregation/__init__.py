"""How the clients' updates become one vector.

An aggregator is built for one round with the size of the cohort, takes `add(client, update,
weight)` for each reply and gives `result()`, (P,) float64. `individual` says whether it must see
each client's update by itself (a robust rule) or only their sum (the mean).
"""
