//! A raw timeline is not training data.

use longitude_core::Timeline;
use longitude_train::{Part, TrainData};

fn learn(data: &mut TrainData, timeline: &Timeline) {
    data.push(Part::Learn, timeline);
}

fn main() {}
