//! The words and the rules of Milepost, as pure functions over plain values.
//!
//! The rule it protects: everything that decides what a build is, how far it is and what a report
//! changes stands here once, and depends on nothing but its arguments: no I/O, no clock, no SQL,
//! no HTTP. `now` and identifiers are parameters.

pub mod access;
pub mod attempt;
pub mod build;
pub mod estimate;
pub mod event;
pub mod evidence;
pub mod host;
pub mod id;
mod legs;
pub mod log;
pub mod news;
pub mod peers;
pub mod percent;
pub mod plan;
pub mod progress;
mod quantile;
pub mod registry;
pub mod report;
pub mod search;
mod sequence;
pub mod signal;
pub mod state;
pub mod text;
pub mod timing;

pub use access::{Bounds, Scope};
pub use build::{Build, StepRun};
pub use estimate::Estimate;
pub use host::{Host, HostFacts};
pub use id::{BuildId, HostId, Id, ReportId};
pub use log::Log;
pub use news::{News, Told, Topic, TopicPattern};
pub use peers::Peers;
pub use percent::Percent;
pub use plan::{Plan, PlannedStep};
pub use progress::Progress;
pub use report::Report;
pub use signal::Signal;
pub use state::{RunState, State, Status, StepState};
pub use text::{Label, Message, Name};
pub use timing::{Durations, StepTiming, Timings};

/// A point in time, UTC. The only time type of the crate.
pub type Time = chrono::DateTime<chrono::Utc>;
