//! What the server serves to people: pages made on the server, usable without a script.

pub(crate) mod answer;
pub(crate) mod chart;
pub(crate) mod contests;
mod evaluation;
pub(crate) mod ledger;
mod monitor;
pub(crate) mod page;
pub(crate) mod patient;
mod quality;
pub(crate) mod report;
mod representation;
pub(crate) mod worklist;

pub use evaluation::evaluation_html;
pub use monitor::monitoring_html;
pub use quality::{SmallCells, quality_html};
pub use report::report_html;
pub use representation::representation_html;
