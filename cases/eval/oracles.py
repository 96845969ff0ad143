"""Writes the reference values of everything beside the nine metrics of `reference.py`, by other
people's programs where they have the same definition, and by the definition's own double loop where
none does.

Needs scikit-learn 1.9, scikit-survival 0.28, lifelines 0.30, statsmodels 0.15, scipy and
meds-evaluation 0.0.6: `python oracles.py`. `null` stands for undefined. All data are drawn here from a
seed.
"""

import datetime
import json
import warnings
from pathlib import Path

import lifelines
import numpy as np
import polars as pl
from lifelines.utils import concordance_index
from meds_evaluation.evaluate import evaluate_binary_classification
from scipy import stats
from sklearn import metrics as sk
from sksurv import metrics as sm
from sksurv.nonparametric import (
    CensoringDistributionEstimator,
    cumulative_incidence_competing_risks,
    kaplan_meier_estimator,
)
from sksurv.util import Surv
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.nonparametric.smoothers_lowess import lowess
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

HERE = Path(__file__).parent / "oracles"
rng = np.random.default_rng(20260402)


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def write(name, cases):
    (HERE / f"{name}.json").write_text(json.dumps(plain(cases)) + "\n")


# meds-evaluation: ties, bin edges, subjects with one row and with many, no probability, no class.
def meds_evaluation():
    cases = []
    for kind, rows, subjects in (("ties", 400, 90), ("edges", 300, 300), ("few", 60, 9)):
        s = np.sort(rng.integers(0, subjects, rows)) * 7 + 3
        q = rng.beta(1.2, 4, rows)
        y = rng.random(rows) < q
        p = (np.round(q, 1) if kind == "edges" else np.round(q * 1.1, 2).clip(0, 1)).astype(np.float32)
        for columns in (("value", "probability"), ("probability",), ("value",)):
            table = {
                "subject_id": s,
                "prediction_time": [datetime.datetime(2020, 1, 1) + datetime.timedelta(hours=i) for i in range(rows)],
                "boolean_value": y,
                "predicted_boolean_value": p > 0.3 if "value" in columns else [None] * rows,
                "predicted_boolean_probability": p if "probability" in columns else [None] * rows,
            }
            schema = {
                "subject_id": pl.Int64, "prediction_time": pl.Datetime("us"), "boolean_value": pl.Boolean,
                "predicted_boolean_value": pl.Boolean, "predicted_boolean_probability": pl.Float32,
            }
            for samples, seed in ((4, 0), (1, 7), (9, 123456)):
                cases.append({
                    "subjects": s, "labels": y,
                    "predicted": p > 0.3 if "value" in columns else None,
                    "probabilities": [float(x) for x in p] if "probability" in columns else None,
                    "samples": samples, "seed": seed,
                    "expected": evaluate_binary_classification(pl.DataFrame(table, schema=schema), samples, seed),
                })
    write("meds_evaluation", cases)


def greenwood(times, events, at):
    curve = SurvfuncRight(times, events.astype(int))
    value, se = 1.0, 0.0
    for t, s, e in zip(curve.surv_times, curve.surv_prob, curve.surv_prob_se):
        if t <= at:
            value, se = s, e
    return value, se**2


def survival():
    cases = []
    for kind in ("continuous", "tied_times", "tied_scores", "heavy_censoring", "no_censoring"):
        n = 160
        risk = rng.normal(0, 1, n)
        t = rng.exponential(np.exp(-0.8 * risk) * 3)
        other = rng.exponential(6, n)
        c = rng.uniform(0.5, 4 if kind == "heavy_censoring" else 9, n)
        if kind == "no_censoring":
            c = np.full(n, 1e6)
        for competing in (False, True):
            first = np.minimum(t, c) if not competing else np.minimum(np.minimum(t, other), c)
            cause = np.where(first == c, 0, np.where(first == t, 1, 2))
            score = risk + rng.normal(0, 1, n)
            if kind == "tied_scores":
                score = np.round(score)
            if kind == "tied_times":
                first = np.ceil(first * 2) / 2
            horizons = np.array([0.75, 1.5, 2.25])
            risks = np.stack([1 - np.exp(-h * 0.25 * np.exp(0.5 * score)) for h in horizons])
            cases.append(survival_case(kind, first, cause, score, horizons, risks, competing))
    write("survival", cases)


def survival_case(kind, times, causes, score, horizons, risks, competing):
    any_event = causes != 0
    x, s = kaplan_meier_estimator(any_event, times)
    cens = CensoringDistributionEstimator().fit(Surv.from_arrays(any_event, times))
    out = {
        "km": [dict(zip(x, s)).get(max(x[x <= h], default=None), 1.0) for h in horizons],
        "km_variance": [greenwood(times, any_event, h)[1] for h in horizons],
        "censoring": cens.predict_proba(horizons),
    }
    km = lifelines.KaplanMeierFitter().fit(times, any_event)
    assert np.allclose(out["km"], km.predict(horizons), atol=1e-12)
    if competing:
        x, inc, ci = cumulative_incidence_competing_risks(causes, times, conf_type="log-log")
        at = [np.searchsorted(x, h, side="right") - 1 for h in horizons]
        out["aj"] = inc[1][at]
        # The log-log interval gives the variance back: se = f |ln f| * half width of ln(-ln).
        z = stats.norm.isf(0.025)
        f = inc[1][at]
        half = np.abs(np.log(-np.log(ci[1][0][at])) - np.log(-np.log(ci[1][1][at]))) / 2 / z
        out["aj_variance"] = (f * np.abs(np.log(f)) * half) ** 2
        if kind not in ("tied_times",):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                aj = lifelines.AalenJohansenFitter(seed=1).fit(times, causes, 1)
            got = [aj.cumulative_density_.loc[:h].iloc[-1, 0] for h in horizons]
            assert np.allclose(got, out["aj"], atol=1e-9)
        out.update(competing_by_loops(times, causes, score, risks, horizons, cens))
    else:
        y = Surv.from_arrays(causes == 1, times)
        out["harrell"] = sm.concordance_index_censored(causes == 1, times, score)[0]
        if kind in ("continuous", "tied_scores"):
            assert abs(concordance_index(times, -score, causes == 1) - out["harrell"]) < 1e-12
        kept = cens.predict_proba(times[causes == 1]).min() > 0
        out["uno"] = sm.concordance_index_ipcw(y, y, score)[0] if kept else None
        out["uno_until"] = sm.concordance_index_ipcw(y, y, score, tau=2.0)[0]
        out["auc"] = sm.cumulative_dynamic_auc(y, y, score, horizons)[0] if kept else None
        survive = 1 - risks.T
        out["brier"] = sm.brier_score(y, y, survive, horizons)[1]
        out["ibs"] = sm.integrated_brier_score(y, y, survive, horizons)
    return {
        "name": kind, "competing": competing, "times": times, "causes": causes, "scores": score,
        "horizons": horizons, "risks": risks, "expected": out,
    }


def competing_by_loops(times, causes, score, risks, horizons, cens):
    """Wolbers' concordance, Blanche's AUC and Schoop's Brier score by their definitions."""
    n = len(times)
    won = pairs = 0.0
    for i in range(n):
        if causes[i] != 1:
            continue
        for j in range(n):
            if j == i:
                continue
            if causes[j] > 1 or times[j] > times[i] or (times[j] == times[i] and causes[j] == 0):
                pairs += 1
                won += (score[i] > score[j]) + 0.5 * (score[i] == score[j])
    auc, brier = [], []
    for h, risk in zip(horizons, risks):
        g = cens.predict_proba(np.minimum(times, h))
        case = (times <= h) & (causes == 1)
        control = (times > h) | ((times <= h) & (causes > 1))
        w = 1 / np.where(g == 0, np.nan, g)
        over = (score[:, None] > score[None]) + 0.5 * (score[:, None] == score[None])
        weight = np.outer(np.where(case, w, 0), np.where(control, w, 0))
        auc.append((weight * over).sum() / weight.sum())
        known = case | control
        brier.append(np.sum(np.where(known, (case - risk) ** 2 * w, 0)) / n)
    return {"harrell": won / pairs, "auc": auc, "brier": brier}


def multiclass():
    cases = []
    for kind, k, n in (("plain", 3, 200), ("ties", 4, 150), ("absent_class", 3, 40)):
        p = rng.dirichlet(np.full(k, 0.8), n)
        if kind == "ties":
            p = np.round(p * 4) + 1
            p = p / p.sum(1, keepdims=True)
        y = np.array([rng.choice(k, p=row) for row in p])
        if kind == "absent_class":
            y = np.where(y == 2, 0, y)
        labels, best, every = np.arange(k), p.argmax(1), len(np.unique(y)) == k
        bins = np.minimum((p * 10).astype(int), 9)
        ece = 0.0
        for c in range(k):
            for b in range(10):
                rows = bins[:, c] == b
                ece += abs(((y == c).astype(float) - p[:, c])[rows].sum())
        out = {
            "accuracy": sk.accuracy_score(y, best),
            "top_2": sk.top_k_accuracy_score(y, p, k=2, labels=labels),
            "log_loss": sk.log_loss(y, p, labels=labels),
            "brier": sk.brier_score_loss(y, p, labels=labels, scale_by_half=False),
            "macro_f1": sk.f1_score(y, best, labels=labels, average="macro"),
            "balanced": sk.recall_score(y, best, labels=labels, average="macro") if every else None,
            "ovr": sk.roc_auc_score(y, p, multi_class="ovr") if every else None,
            "ovo": sk.roc_auc_score(y, p, multi_class="ovo") if every else None,
            "classwise_ece": ece / n / k,
            "confusion": sk.confusion_matrix(y, best, labels=labels).ravel(),
        }
        cases.append({"name": kind, "labels": y, "probabilities": p.ravel(), "classes": k, "expected": out})
    write("multiclass", cases)


def values():
    n = 120
    y = rng.normal(5, 2, n)
    p = y + rng.normal(0.2, 1, n)
    low, high = p - 1.2, p + 1.5
    samples = p[:, None] + rng.normal(0, 1, (n, 11))
    crps = np.mean([np.abs(s - v).mean() - 0.5 * np.abs(s[:, None] - s[None]).mean() for s, v in zip(samples, y)])
    rounded = np.round(p)
    out = {
        "mae": sk.mean_absolute_error(y, p), "rmse": sk.root_mean_squared_error(y, p), "bias": (p - y).mean(),
        "r2": sk.r2_score(y, p), "spearman": stats.spearmanr(np.round(y), rounded)[0],
        "pinball": sk.mean_pinball_loss(y, low, alpha=0.1), "crps": crps,
        "coverage": ((low <= y) & (y <= high)).mean(), "width": (high - low).mean(),
        "interval_score": np.mean(high - low + 20 * np.maximum(low - y, 0) + 20 * np.maximum(y - high, 0)),
    }
    write("values", {"observed": y, "predicted": p, "low": low, "high": high, "samples": samples, "expected": out})


def smooth():
    cases = []
    for kind, n in (("plain", 300), ("rare", 500), ("small", 25)):
        p = rng.beta(1, 6, n) if kind == "rare" else rng.uniform(0.02, 0.98, n)
        y = (rng.random(n) < np.clip(p**1.3, 0, 1)).astype(float)
        grid = np.quantile(p, np.arange(101) / 100)
        fitted = np.clip(lowess(y, p, frac=0.75, it=0, xvals=grid), 0, 1)
        gap = np.abs(p - np.interp(p, grid, fitted))
        out = {"ici": gap.mean(), "e50": np.median(gap), "e90": np.quantile(gap, 0.9), "e_max": gap.max()}
        cases.append({"name": kind, "labels": y.astype(bool), "risks": p, "expected": out})
    write("smooth", cases)


def obuchowski(y, scores, subject):
    """The clustered covariance of two AUROCs by its sums, pair by pair."""
    pos, neg = np.flatnonzero(y), np.flatnonzero(~y)
    m, n = len(pos), len(neg)
    v10, v01, auc = [], [], []
    for s in scores:
        win = (s[pos][:, None] > s[neg][None]) + 0.5 * (s[pos][:, None] == s[neg][None])
        v10.append(win.mean(1))
        v01.append(win.mean(0))
        auc.append(win.mean())
    who = np.unique(subject)
    a10 = np.array([[sum(v[subject[pos] == k] - a) for k in who] for v, a in zip(v10, auc)])
    a01 = np.array([[sum(v[subject[neg] == k] - a) for k in who] for v, a in zip(v01, auc)])
    i10, i01, i = len(set(subject[pos])), len(set(subject[neg])), len(who)
    s10 = i10 / ((i10 - 1) * m) * a10 @ a10.T
    s01 = i01 / ((i01 - 1) * n) * a01 @ a01.T
    s11 = i / (i - 1) * a10 @ a01.T
    return np.array(auc), s10 / m + s01 / n + (s11 + s11.T) / (m * n)


def compare():
    cases = []
    for kind, n in (("one_row", 120), ("clustered", 150), ("ties", 100)):
        subject = np.arange(n) if kind != "clustered" else np.sort(rng.integers(0, 40, n))
        z = rng.normal(0, 1, n)
        y = rng.random(n) < 1 / (1 + np.exp(-z))
        a, b = (1 / (1 + np.exp(-(z + rng.normal(0, s, n)))) for s in (0.7, 1.5))
        if kind == "ties":
            a, b = np.round(a, 1), np.round(b, 1)
        auc, cov = obuchowski(y, (a, b), subject)
        variance = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
        right_a, right_b = (a > 0.5) == y, (b > 0.5) == y
        table = [[np.sum(right_a & right_b), np.sum(right_a & ~right_b)], [np.sum(~right_a & right_b), np.sum(~right_a & ~right_b)]]
        out = {
            "difference": auc[0] - auc[1], "standard_error": np.sqrt(variance),
            "p": 2 * stats.norm.sf(abs(auc[0] - auc[1]) / np.sqrt(variance)),
            "auroc_error": np.sqrt(cov[0, 0]), "mcnemar": mcnemar(table, exact=True).pvalue,
            "mann_whitney": stats.mannwhitneyu(a[y], a[~y], method="asymptotic").pvalue,
            "ks": stats.ks_2samp(a, b).statistic,
        }
        cases.append({"name": kind, "labels": y, "first": a, "second": b, "subjects": subject, "expected": out})
    p = np.array([0.001, 0.04, 0.04, 0.03, 0.6, 0.2, 0.009, 0.9, 0.011])
    corrected = {m: multipletests(p, method=m)[1] for m in ("holm", "fdr_bh", "fdr_by")}
    write("compare", {"pairs": cases, "p": p, "corrected": corrected})


warnings.simplefilter("ignore")
HERE.mkdir(exist_ok=True)
for topic in (meds_evaluation, survival, multiclass, values, smooth, compare):
    topic()
