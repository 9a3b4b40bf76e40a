//! What must hold for every input, once for the fuzz targets here and for the replay of the corpus
//! by `cargo test` (`native/core/tests/corpus.rs`).

mod heap;
pub mod rules;

pub use heap::try_rule;
