//! One rule a fuzz target. A rule panics where it does not hold.

mod cast;
mod engine;
mod model;
mod packet;
mod sealing;
mod token_bucket;

pub use engine::engine;
pub use packet::{packet, sealed};
