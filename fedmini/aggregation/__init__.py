"""How the clients' updates become one vector.

An aggregator is built for one round with the size of the cohort, takes `add(client, update,
weight)` for each reply and gives `result()`, float64, of the updates' shape: the coordinates that
travel. An update stays as it was. `individual` says whether it must see each client's update by
itself (a robust rule) or only their sum (the mean).
"""
