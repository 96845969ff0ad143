//! What is wrong with the input of an evaluation. Row numbers are named, values never.

/// Why an evaluation cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A column has another length than the labels.
    #[error("task {task}: {column} has {found} rows, the labels have {expected}")]
    Length {
        /// The task.
        task: String,
        /// The column: `clusters`, `truth`, the model's or the dimension's name.
        column: String,
        /// Rows of the column.
        found: usize,
        /// Rows of the labels.
        expected: usize,
    },
    /// A risk is not a number between 0 and 1.
    #[error("task {task}: row {row} of {column} is not a risk between 0 and 1")]
    NotARisk {
        /// The task.
        task: String,
        /// The model's name, or `truth`.
        column: String,
        /// The row, from 0.
        row: usize,
    },
    /// Two models, or a model and the truth, have one name.
    #[error("task {task}: the name {name} is given twice")]
    DuplicateName {
        /// The task.
        task: String,
        /// The name.
        name: String,
    },
}
