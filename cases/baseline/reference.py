"""Writes the reference case of the logistic regression: scikit-learn's weights under two penalties.

Run with scikit-learn 1.9: `python reference.py`. The first two columns are counts, taken as
ln(1 + x); the other two are values. All are standardised and held within 3 deviations.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(20260401)
n = 150
counts = rng.poisson([0.4, 3.0], (n, 2)).astype(float)
values = np.round(rng.normal([140, 1.1], [4, 0.5], (n, 2)), 2)
logit = -0.5 + 1.1 * np.log1p(counts[:, 0]) - 0.4 * np.log1p(counts[:, 1])
logit += 0.9 * (values[:, 1] - 1.1)
labels = rng.binomial(1, 1 / (1 + np.exp(-logit)))
design = StandardScaler().fit_transform(np.hstack([np.log1p(counts), values])).clip(-3, 3)
fits = []
for penalty in [0.1, 0.001]:
    model = LogisticRegression(C=1 / (n * penalty), tol=1e-12, max_iter=10_000, solver="newton-cg")
    model.fit(design, labels)
    fit = {"penalty": penalty, "weights": model.coef_[0].tolist()}
    fits.append(fit | {"intercept": float(model.intercept_[0])})
case = {"rows": np.hstack([counts, values]).tolist(), "labels": labels.tolist(), "fits": fits}
(Path(__file__).parent / "logistic.json").write_text(json.dumps(case) + "\n")
