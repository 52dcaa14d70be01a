"""Which patients train, which validate and which test: drawn over patients, site by site.

Images of one patient are alike, so all of them are in one split. Patients of each site are spread
over the splits as evenly as whole patients can be, and every site keeps one to train on, unless
nobody would be left to test on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedmini.data.dataset import TEST, TRAIN, VALIDATION
from fedmini.rng import numpy_stream


def draw_split(sites: Sequence[int], validation: float, test: float, seed: int) -> np.ndarray:
    """(M,) uint8: the split of each of M patients, given their sites and the shares wanted.

    Shares are rounded to whole patients: of three, by 0.1 and 0.2, two train and one tests. Of two
    or more at least one tests, if anyone shall.
    """
    site, draw = np.asarray(sites), numpy_stream(seed, "split")
    # systematic sampling: a site's patients take places at equal distances, the first of them at 0
    place = np.zeros(len(site))
    for each in np.unique(site):
        rows = draw.permutation(np.flatnonzero(site == each))
        place[rows[1:]] = (np.arange(1, len(rows)) + draw.random()) / len(rows)
    order = np.lexsort((draw.random(len(site)), place))
    split = np.empty(len(site), np.uint8)
    split[order] = np.repeat((TRAIN, VALIDATION, TEST), _sizes(site, validation, test))
    return split


def _sizes(site: np.ndarray, validation: float, test: float) -> tuple[int, int, int]:
    spare = max(len(site) - len(np.unique(site)), min(1, len(site) - 1))
    testing = min(max(round(test * len(site)), int(test > 0)), spare)
    validating = min(round(validation * len(site)), spare - testing)
    return len(site) - validating - testing, validating, testing
