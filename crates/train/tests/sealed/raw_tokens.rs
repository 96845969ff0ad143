//! Nor are tokens, which anyone can make of a raw timeline.

use longitude_tokens::Tokens;
use longitude_train::{Part, TrainData};

fn learn(data: &mut TrainData, tokens: &Tokens) {
    data.push(Part::Learn, tokens);
}

fn main() {}
