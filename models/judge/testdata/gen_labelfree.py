"""Writes labelfree.json: figures of features that a formula gives, by NumPy's SVD and distances.

    python gen_labelfree.py > labelfree.json
"""
import json

import numpy as np

N, D = 37, 11


def features(phase):
    i, j = np.arange(N)[:, None], np.arange(D)[None, :]
    return (np.sin(0.37 * i * (j + 1) + phase * j) + 0.5 * np.cos(1.3 * i - 0.2 * j * j) + 0.3).astype(np.float32)


def uniformity(x):
    d = ((x[:, None] - x[None]) ** 2).sum(-1)
    return np.log(np.exp(-2 * d[~np.eye(N, dtype=bool)]).mean())


plain, first, second = (features(p) for p in (0.0, 0.02, 0.25))
s = np.linalg.svd(plain.astype(np.float64), compute_uv=False)
p = s / s.sum() + 1e-7
a, b = (v.astype(np.float64) / np.linalg.norm(v.astype(np.float64), axis=1, keepdims=True) for v in (first, second))
print(json.dumps({
    "numpy": np.__version__,
    "rank": np.exp(-(p * np.log(p)).sum()),
    "alignment": ((a - b) ** 2).sum(1).mean(),
    "uniformity": (uniformity(a) + uniformity(b)) / 2,
    "retrieval": 100 * float(((a @ b.T).argmax(1) == np.arange(N)).mean()),
}))
