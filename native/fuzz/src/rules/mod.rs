//! One rule a fuzz target. A rule panics where it does not hold.

mod dice;
mod engine;
mod model;
mod packet;
mod sealing;

pub use engine::engine;
pub use packet::{packet, sealed};
