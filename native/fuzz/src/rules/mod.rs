//! One rule a fuzz target. A rule panics where it does not hold.

mod acceptance;
mod cast;
mod dice;
mod engine;
mod model;
mod packet;
mod sealing;
mod token_bucket;
mod trailer;

pub use engine::engine;
pub use packet::{packet, sealed};
pub use trailer::trailer;
