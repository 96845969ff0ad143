//! Calibration without bins: the observed share as a smooth function of the risk, and how far the
//! risks lie from it.

use crate::bootstrap::quantile;
use crate::curve::ascending;
use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};

/// The share of rows that each local fit sees: the default span of R's `loess`, which the paper of
/// [`smooth_calibration`] uses.
pub const SPAN: f64 = 0.75;

/// Points at which the smooth curve is fitted; it is straight between them.
pub const SMOOTH_POINTS: usize = 101;

/// A smooth calibration curve and the distances from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SmoothCalibration {
    /// Risk and smoothed observed share, risks ascending.
    pub curve: Vec<(f64, f64)>,
    /// Integrated calibration index: the mean distance of a risk from the curve.
    pub ici: f64,
    /// The median distance.
    pub e50: f64,
    /// The 90th percentile of the distance.
    pub e90: f64,
    /// The largest distance.
    pub e_max: f64,
}

/// The integrated calibration index (Austin and Steyerberg 2019, "The integrated calibration index
/// (ICI) and related metrics for quantifying the calibration of logistic regression models",
/// section 2.2) over a local linear fit (Cleveland 1979, "Robust locally weighted regression",
/// without the robust rounds) of [`SPAN`] at [`SMOOTH_POINTS`] quantiles of the risks. The curve is
/// held between 0 and 1.
///
/// # Errors
/// When a class is absent or all risks are equal.
///
/// # Panics
/// When the two slices differ in length.
pub fn smooth_calibration(labels: &[bool], risks: &[f64]) -> Result<SmoothCalibration, Undefined> {
    assert_eq!(labels.len(), risks.len(), "one risk for each label");
    let positives = labels.iter().filter(|&&label| label).count();
    match (labels.len(), positives) {
        (0, _) => return Err(Undefined::NoRows),
        (_, 0) => return Err(Undefined::NoPositives),
        (all, with) if all == with => return Err(Undefined::NoNegatives),
        _ => {}
    }
    let order = ascending(risks);
    let x: Vec<f64> = order.iter().map(|&row| risks[row as usize]).collect();
    let y: Vec<f64> = order
        .iter()
        .map(|&row| f64::from(u8::from(labels[row as usize])))
        .collect();
    if x[0] >= x[x.len() - 1] {
        return Err(Undefined::ConstantScores);
    }
    let last = (SMOOTH_POINTS - 1) as f64;
    let mut places: Vec<f64> = (0..SMOOTH_POINTS)
        .map(|point| quantile(&x, point as f64 / last))
        .collect();
    places.dedup();
    let curve: Vec<(f64, f64)> = places
        .iter()
        .map(|&at| (at, local_linear(&x, &y, at).clamp(0.0, 1.0)))
        .collect();
    let mut line = Line::of(&curve);
    let mut distances: Vec<f64> = x.iter().map(|&x| (x - line.at(x)).abs()).collect();
    distances.sort_by(f64::total_cmp);
    Ok(SmoothCalibration {
        ici: distances.iter().sum::<f64>() / distances.len() as f64,
        e50: quantile(&distances, 0.5),
        e90: quantile(&distances, 0.9),
        e_max: distances[distances.len() - 1],
        curve,
    })
}

/// The local linear fit at one place by the nearest [`SPAN`] of rows with tricube weights. Rows are
/// sorted by `x`. As in statsmodels' `lowess`, rows nearer than a thousandth of the reach count
/// fully and those beyond 999 thousandths not at all.
fn local_linear(x: &[f64], y: &[f64], at: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the length"
    )]
    let near = ((SPAN * x.len() as f64 + 1e-10) as usize).clamp(1, x.len());
    // The window of `near` rows whose farther end is nearest.
    let (mut low, mut high) = (0, x.len() - near);
    while low < high {
        let middle = usize::midpoint(low, high);
        if at - x[middle] > x[middle + near] - at {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let window = low..low + near;
    let reach = (at - x[window.start])
        .abs()
        .max((x[window.end - 1] - at).abs());
    if reach <= 0.0 {
        // Every near row has this very risk; so may more rows: all of them count.
        let tied = x.partition_point(|&v| v < at)..x.partition_point(|&v| v <= at);
        return y[tied.clone()].iter().sum::<f64>() / tied.len() as f64;
    }
    let weight = |value: f64| tricube((value - at).abs() / reach);
    let (mut w, mut wx, mut wy) = (0.0, 0.0, 0.0);
    for (&x, &y) in x[window.clone()].iter().zip(&y[window.clone()]) {
        let weight = weight(x);
        w += weight;
        wx += weight * (x - at);
        wy += weight * y;
    }
    if w <= 0.0 {
        // A place between two risks that all near rows have: they are all equally far.
        return y[window.clone()].iter().sum::<f64>() / window.len() as f64;
    }
    let (mean_x, mean_y) = (wx / w, wy / w);
    let (mut wxx, mut wxy) = (0.0, 0.0);
    for (&x, &y) in x[window.clone()].iter().zip(&y[window]) {
        let (weight, from) = (weight(x), x - at - mean_x);
        wxx += weight * from * from;
        wxy += weight * from * (y - mean_y);
    }
    if wxx / w <= 1e-24 {
        return mean_y;
    }
    mean_y - wxy / wxx * mean_x
}

/// Tricube weights as statsmodels' `lowess` holds them.
fn tricube(distance: f64) -> f64 {
    if distance > 0.999 {
        0.0
    } else if distance < 0.001 {
        1.0
    } else {
        (1.0 - distance.powi(3)).powi(3)
    }
}

/// A curve, straight between its points, asked at ascending places.
struct Line<'a> {
    curve: &'a [(f64, f64)],
    segment: usize,
}

impl<'a> Line<'a> {
    fn of(curve: &'a [(f64, f64)]) -> Self {
        Self { curve, segment: 0 }
    }

    fn at(&mut self, x: f64) -> f64 {
        let curve = self.curve;
        while self.segment + 2 < curve.len() && curve[self.segment + 1].0 < x {
            self.segment += 1;
        }
        let ((x0, y0), (x1, y1)) = (curve[self.segment], curve[self.segment + 1]);
        y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    }
}

/// The most cells that the rows of a resample are gathered in. A cell holds one risk or rows of
/// neighbouring risks; the local fits see three quarters of all rows, 1,500 cells of these.
const CELLS_MAX: usize = 2_048;

/// Rows by ascending risk, ready for the index of any weighting of their subjects.
pub(crate) struct SmoothCells {
    rows: Vec<CellRow>,
    /// Where each cell ends.
    ends: Vec<usize>,
}

struct CellRow {
    cluster: u32,
    label: bool,
    risk: f64,
}

/// Rows of a resample that are taken as one place: their weight, mean risk and observed share.
#[derive(Clone, Copy)]
struct Cell {
    weight: f64,
    x: f64,
    y: f64,
}

impl SmoothCells {
    /// Sorts the rows. `clusters[row]` is the index of the row's subject among the weights.
    pub(crate) fn new(labels: &[bool], risks: &[f64], clusters: &[u32]) -> Self {
        let order = ascending(risks);
        let rows: Vec<CellRow> = order
            .iter()
            .map(|&row| CellRow {
                cluster: clusters[row as usize],
                label: labels[row as usize],
                risk: risks[row as usize],
            })
            .collect();
        let least = rows.len().div_ceil(CELLS_MAX);
        let mut ends = Vec::new();
        let mut start = 0;
        for end in 1..=rows.len() {
            let tie_ends = rows
                .get(end)
                .is_none_or(|next| next.risk > rows[end - 1].risk);
            if tie_ends && (end - start >= least || end == rows.len()) {
                ends.push(end);
                start = end;
            }
        }
        Self { rows, ends }
    }

    /// The integrated calibration index with these weights of the subjects: that of
    /// [`smooth_calibration`] where every cell is one risk.
    pub(crate) fn ici(&self, weights: &[u32]) -> Result<f64, Undefined> {
        let mut cells = Vec::with_capacity(self.ends.len());
        let mut start = 0;
        for &end in &self.ends {
            let (mut weight, mut x, mut y) = (0.0, 0.0, 0.0);
            for row in &self.rows[start..end] {
                let of_row = f64::from(weights[row.cluster as usize]);
                weight += of_row;
                x += of_row * row.risk;
                y += of_row * f64::from(u8::from(row.label));
            }
            start = end;
            if weight > 0.0 {
                cells.push(Cell {
                    weight,
                    x: x / weight,
                    y: y / weight,
                });
            }
        }
        ici_of(&cells)
    }
}

fn ici_of(cells: &[Cell]) -> Result<f64, Undefined> {
    let rows: f64 = cells.iter().map(|cell| cell.weight).sum();
    let positives: f64 = cells.iter().map(|cell| cell.weight * cell.y).sum();
    let [first, .., last] = cells else {
        return Err(if cells.is_empty() {
            Undefined::NoRows
        } else {
            Undefined::ConstantScores
        });
    };
    if positives <= 0.0 {
        return Err(Undefined::NoPositives);
    }
    if positives >= rows {
        return Err(Undefined::NoNegatives);
    }
    if first.x >= last.x {
        return Err(Undefined::ConstantScores);
    }
    let mut places = Vec::with_capacity(SMOOTH_POINTS);
    let (mut cell, mut before) = (0, 0.0);
    for point in 0..SMOOTH_POINTS {
        let place = point as f64 / (SMOOTH_POINTS - 1) as f64 * (rows - 1.0);
        while cell + 1 < cells.len() && before + cells[cell].weight <= place.floor() {
            before += cells[cell].weight;
            cell += 1;
        }
        // The row after this place lies in the same cell, or it is the first of the next one.
        let next_is_other = before + cells[cell].weight <= place.floor() + 1.0;
        let above = cells[(cell + usize::from(next_is_other)).min(cells.len() - 1)].x;
        let at = cells[cell].x + (place - place.floor()) * (above - cells[cell].x);
        places.push(at);
    }
    places.dedup();
    if places.len() < 2 {
        return Err(Undefined::ConstantScores);
    }
    let near = (SPAN * rows + 1e-10).floor().clamp(1.0, rows);
    let curve: Vec<(f64, f64)> = places
        .iter()
        .map(|&at| (at, weighted_local_linear(cells, near, at).clamp(0.0, 1.0)))
        .collect();
    let mut line = Line::of(&curve);
    let distances = cells
        .iter()
        .map(|cell| cell.weight * (cell.x - line.at(cell.x)).abs());
    Ok(distances.sum::<f64>() / rows)
}

/// [`local_linear`] by the cells nearest to `at` that hold `near` rows.
fn weighted_local_linear(cells: &[Cell], near: f64, at: f64) -> f64 {
    let middle = cells.partition_point(|cell| cell.x < at);
    let (mut low, mut high, mut taken) = (middle, middle, 0.0);
    while taken < near && (low > 0 || high < cells.len()) {
        let below = low.checked_sub(1).map(|cell| at - cells[cell].x);
        let above = cells.get(high).map(|cell| cell.x - at);
        if below.is_some_and(|below| above.is_none_or(|above| below < above)) {
            low -= 1;
            taken += cells[low].weight;
        } else {
            taken += cells[high].weight;
            high += 1;
        }
    }
    let window = &cells[low..high];
    let reach = (at - window[0].x)
        .abs()
        .max((window[window.len() - 1].x - at).abs());
    if reach <= 0.0 {
        return window[0].y;
    }
    let weight = |cell: &Cell| cell.weight * tricube((cell.x - at).abs() / reach);
    let (mut w, mut wx, mut wy) = (0.0, 0.0, 0.0);
    for cell in window {
        let weight = weight(cell);
        w += weight;
        wx += weight * (cell.x - at);
        wy += weight * cell.y;
    }
    if w <= 0.0 {
        let (rows, with) = window.iter().fold((0.0, 0.0), |(rows, with), cell| {
            (rows + cell.weight, with + cell.weight * cell.y)
        });
        return with / rows;
    }
    let (mean_x, mean_y) = (wx / w, wy / w);
    let (mut wxx, mut wxy) = (0.0, 0.0);
    for cell in window {
        let (weight, from) = (weight(cell), cell.x - at - mean_x);
        wxx += weight * from * from;
        wxy += weight * from * (cell.y - mean_y);
    }
    if wxx / w <= 1e-24 {
        return mean_y;
    }
    mean_y - wxy / wxx * mean_x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_a_repeated_row() {
        let odd = |row: u32, by: u32| f64::from(row * by % 499) / 499.0;
        let risks: Vec<f64> = (0..400).map(|row| odd(row, 7919).powi(2)).collect();
        let labels: Vec<bool> = (0..400)
            .map(|row| odd(row, 104_729) < odd(row, 7919))
            .collect();
        let clusters: Vec<u32> = (0..400).map(|row| row / 2).collect();
        let weights: Vec<u32> = (0..200).map(|subject| subject * 13 % 4).collect();
        let (mut repeated, mut repeated_risks) = (Vec::new(), Vec::new());
        for row in 0..400 {
            for _ in 0..weights[clusters[row] as usize] {
                repeated.push(labels[row]);
                repeated_risks.push(risks[row]);
            }
        }
        let cells = SmoothCells::new(&labels, &risks, &clusters);
        let wanted = smooth_calibration(&repeated, &repeated_risks).unwrap().ici;
        let got = cells.ici(&weights).unwrap();
        assert!((got - wanted).abs() < 1e-9, "{got} {wanted}");
        assert_eq!(cells.ici(&[0; 200]), Err(Undefined::NoRows));
    }

    #[test]
    fn a_place_between_two_risks_of_all_rows_has_a_value() {
        // The median lies between the two risks, and every row is equally far from it.
        let risks: Vec<f64> = (0..20)
            .map(|row| if row < 10 { 0.1 } else { 0.9 })
            .collect();
        let labels: Vec<bool> = (0..20).map(|row| row % 4 == 0).collect();
        let smooth = smooth_calibration(&labels, &risks).unwrap();
        assert!(
            smooth.curve.iter().all(|(_, y)| y.is_finite()),
            "{smooth:?}"
        );
        assert!(smooth.ici.is_finite());
        let clusters: Vec<u32> = (0..20).collect();
        let cells = SmoothCells::new(&labels, &risks, &clusters);
        assert!(cells.ici(&[1; 20]).unwrap().is_finite());
    }

    #[test]
    fn cells_of_many_rows_change_little() {
        let odd = |row: u32, by: u32| f64::from(row.wrapping_mul(by) % 49_999) / 49_999.0;
        let risks: Vec<f64> = (0..20_000).map(|row| odd(row, 7919).powi(2)).collect();
        let labels: Vec<bool> = (0..20_000)
            .map(|row| odd(row, 104_729) < odd(row, 7919).powf(1.5))
            .collect();
        let clusters: Vec<u32> = (0..20_000).collect();
        let cells = SmoothCells::new(&labels, &risks, &clusters);
        assert!(cells.ends.len() <= CELLS_MAX);
        let wanted = smooth_calibration(&labels, &risks).unwrap().ici;
        let got = cells.ici(&vec![1; 20_000]).unwrap();
        assert!((got - wanted).abs() < 1e-3 * wanted, "{got} {wanted}");
    }
}
