"""Writes the reference cases of the metrics: labels and risks with the values of scikit-learn
and statsmodels.

Run with scikit-learn 1.9 and statsmodels 0.15: `python reference.py`. `null` stands for undefined:
where a library gives a warning and a number instead, the case says null.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
    roc_curve,
)

HERE = Path(__file__).parent
CLIP = 1e-12


def logit(p):
    p = np.clip(p, CLIP, 1 - CLIP)
    return np.log(p) - np.log1p(-p)


def ece(y, p, bins=10):
    index = np.minimum(np.floor(p * bins).astype(int), bins - 1)
    gaps = [(index == k).mean() * abs((y - p)[index == k].mean()) for k in np.unique(index)]
    return sum(gaps)


def overlapping(y, x):
    """Whether the recalibration has finite estimates (Albert and Anderson 1984)."""
    pos, neg = x[y == 1], x[y == 0]
    return len(pos) > 0 and len(neg) > 0 and neg.max() > pos.min() and pos.max() > neg.min()


def fit(y, exog, offset=None):
    model = sm.GLM(y, exog, family=sm.families.Binomial(), offset=offset)
    return model.fit(method="newton", maxiter=200, tol=1e-14).params


def expected(y, p):
    both = 0 < y.sum() < len(y)
    x = logit(p)
    out = {
        "auroc": roc_auc_score(y, p) if both else None,
        "auprc": average_precision_score(y, p) if both else None,
        "brier": brier_score_loss(y, p, labels=[0, 1]),
        "log_loss": log_loss(y, p, labels=[0, 1]),
        "ece": ece(y, p),
        "observed_expected": y.sum() / p.sum() if p.sum() > 0 else None,
        "calibration_intercept": fit(y, np.ones((len(y), 1)), offset=x)[0] if both else None,
        "calibration_slope": None,
        "calibration_intercept_joint": None,
        "roc": None,
    }
    if overlapping(y, x):
        out["calibration_intercept_joint"], out["calibration_slope"] = fit(y, sm.add_constant(x))
    if both:
        fpr, tpr, _ = roc_curve(y, p, drop_intermediate=False)
        out["roc"] = [[a, b] for a, b in zip(fpr, tpr)]
    return {k: float(v) if isinstance(v, np.generic) else v for k, v in out.items()}


def cases():
    rng = np.random.default_rng(20260401)
    p = rng.uniform(0.01, 0.99, 300)
    yield "random", rng.binomial(1, p), p
    yield "noise", rng.binomial(1, 0.3, 200), rng.uniform(0, 1, 200)
    p = rng.beta(0.4, 12, 400)
    yield "rare_overconfident", rng.binomial(1, np.clip(p**0.6, 0, 1)), p
    p = np.round(rng.uniform(0, 1, 250), 1)
    yield "ties_with_zeros_and_ones", rng.binomial(1, 0.1 + 0.8 * p), p
    p = rng.choice([0.2, 0.5, 0.7], 120)
    yield "three_values", rng.binomial(1, p), p
    yield "all_equal", np.array([0, 1, 0, 1, 1]), np.full(5, 0.4)
    yield "one_class_negative", np.zeros(6, int), np.array([0.1, 0.2, 0.2, 0.5, 0.7, 0.9])
    yield "one_class_positive", np.ones(4, int), np.array([0.1, 0.2, 0.2, 0.9])
    yield "tiny_two", np.array([0, 1]), np.array([0.6, 0.4])
    yield "tiny_four", np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.35, 0.3])
    yield "perfect_separation", np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.6, 0.9])
    yield "quasi_separation", np.array([0, 0, 1, 0, 1]), np.array([0.1, 0.2, 0.5, 0.5, 0.9])
    yield "all_zero_risk", np.array([0, 1, 0]), np.zeros(3)


warnings.simplefilter("ignore")
for name, y, p in cases():
    case = {"labels": y.tolist(), "risks": p.tolist(), "expected": expected(y, p)}
    (HERE / f"{name}.json").write_text(json.dumps(case) + "\n")
