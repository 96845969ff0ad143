//! A prefix as bytes, to be kept between two answers: safetensors with the events, the state after
//! the last one, and the keys and values of each block. It is a patient's data. What model, level
//! and precision it belongs to is for the caller to know; here its shape and numbers are checked.

use super::{Decoder, Prefix};
use crate::batch::{Input, check_input};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};

/// Numbers of an event.
const FIELDS: usize = 6;

const SIDES: [&str; 2] = ["keys", "values"];

impl Decoder {
    /// A prefix of this decoder as a safetensors file: `inputs` `[P, 6]` in f64, `hidden` `[D]`,
    /// and `keys.I` and `values.I` `[H, P, head_dim]` of block I, in f32.
    ///
    /// # Errors
    /// The reason why a tensor could not be written, which no prefix of a decoder brings about.
    pub fn prefix_to_bytes(&self, prefix: &Prefix) -> Result<Vec<u8>, &'static str> {
        let (c, len) = (self.model.config(), prefix.len());
        let events = prefix.inputs.iter().flat_map(fields);
        let events: Vec<u8> = events.flat_map(f64::to_le_bytes).collect();
        let floats = |all: &[f32]| all.iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = vec![
            ("inputs".to_owned(), Dtype::F64, vec![len, FIELDS], events),
            (
                "hidden".to_owned(),
                Dtype::F32,
                vec![c.dim],
                floats(&prefix.hidden),
            ),
        ];
        for (i, past) in prefix.past.iter().enumerate() {
            for (name, side) in SIDES.iter().zip(past) {
                let shape = vec![c.heads, len, c.head_dim()];
                tensors.push((format!("{name}.{i}"), Dtype::F32, shape, floats(side)));
            }
        }
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            TensorView::new(*dtype, shape.clone(), data).map(|view| (name, view))
        });
        let views: Result<Vec<_>, _> = views.collect();
        let bytes = views.and_then(|views| serialize(views, None));
        bytes.map_err(|_error| "a tensor has another shape")
    }

    /// The prefix in bytes that [`Decoder::prefix_to_bytes`] made of one of this decoder; none with
    /// the reason where they are cut short, altered in shape, of another shape of model, or hold
    /// what is no number.
    ///
    /// # Errors
    /// The reason.
    pub fn prefix_from_bytes(&self, bytes: &[u8]) -> Result<Prefix, &'static str> {
        let c = self.model.config();
        let file = SafeTensors::deserialize(bytes).map_err(|_error| "no safetensors file")?;
        let read = |name: &str, dtype, shape: &[usize]| {
            let tensor = file.tensor(name).map_err(|_error| "a tensor is missing")?;
            if tensor.dtype() != dtype || tensor.shape() != shape {
                return Err("a tensor has another shape");
            }
            Ok(tensor.data().to_vec())
        };
        let events = file
            .tensor("inputs")
            .map_err(|_error| "a tensor is missing")?;
        let len = events.shape().first().copied().unwrap_or(0);
        if len == 0 || file.len() != 2 + 2 * c.layers {
            return Err("another number of events or tensors");
        }
        let numbers = read("inputs", Dtype::F64, &[len, FIELDS])?;
        let numbers: Vec<f64> = numbers
            .as_chunks()
            .0
            .iter()
            .map(|n| f64::from_le_bytes(*n))
            .collect();
        let inputs: Option<Vec<Input>> = numbers.as_chunks().0.iter().map(input).collect();
        let inputs = inputs.ok_or("an event is none")?;
        if inputs.iter().any(|event| check_input(c, event).is_err()) {
            return Err("an event does not fit the model");
        }
        let floats = |name: &str, shape: &[usize]| {
            let data = read(name, Dtype::F32, shape)?;
            let data = data.as_chunks().0.iter().map(|n| f32::from_le_bytes(*n));
            let data: Vec<f32> = data.collect();
            let finite = data.iter().all(|x| x.is_finite());
            finite.then_some(data).ok_or("a number is not finite")
        };
        let shape = [c.heads, len, c.head_dim()];
        let past: Result<Vec<[Vec<f32>; 2]>, _> = (0..c.layers)
            .map(|i| {
                let [keys, values] = SIDES.map(|side| floats(&format!("{side}.{i}"), &shape));
                Ok([keys?, values?])
            })
            .collect();
        Ok(self.prefix(&inputs, floats("hidden", &[c.dim])?, past?))
    }
}

/// An event in numbers, each exact.
fn fields(input: &Input) -> [f64; FIELDS] {
    [
        f64::from(input.code),
        f64::from(input.value_bin),
        f64::from(input.value),
        f64::from(input.age_days),
        input.time_days,
        f64::from(input.wait_days_prev),
    ]
}

/// The event of [`fields`].
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "what does not come back as it was is refused"
)]
fn input(numbers: &[f64; FIELDS]) -> Option<Input> {
    let [code, value_bin, value, age_days, time_days, wait_days_prev] = *numbers;
    let input = Input {
        code: code as u32,
        value_bin: value_bin as u16,
        value: value as f32,
        age_days: age_days as f32,
        time_days,
        wait_days_prev: wait_days_prev as f32,
    };
    (fields(&input) == *numbers).then_some(input)
}
