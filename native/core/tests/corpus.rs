//! Every input that fuzzing kept, tried again, and inputs that are made of two of them at random: `bin/fuzz`
//! finds them, and this needs no fuzzer.
//!
//! ```text
//! CROSSINGS=100000000 cargo test -p native_gossip_core --test corpus engines
//! ```
//!
//! The fuzzer learns from what an input reaches, and this does not; it is a few times as fast.

#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods)]

use std::{env, fs, path::Path, thread};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

/// Public in the fuzzer's crate, where it belongs.
#[allow(unreachable_pub)]
#[path = "../../fuzz/src/rules/mod.rs"]
mod rules;

#[test]
fn the_corpus_of_plain_packets_holds() {
    replay("packet", rules::packet);
}

#[test]
fn the_corpus_of_sealed_packets_holds() {
    replay("sealed", rules::sealed);
}

#[test]
fn the_corpus_of_engines_holds() {
    replay("engine", rules::engine);
}

#[test]
fn the_corpus_of_trailers_holds() {
    replay("trailer", rules::trailer);
}

fn replay(target: &str, rule: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).expect("a corpus").map(|file| file.expect("a file").path());
    let inputs: Vec<_> = files.map(|file| fs::read(file).expect("a readable file")).collect();
    assert!(!inputs.is_empty(), "{} has lost its files", folder.display());
    for input in &inputs {
        let tried = Tried(input.clone());
        rule(&tried.0);
    }
    let number = |name| env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seed = number("SEED").unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..number("CROSSINGS").unwrap_or(2_000) {
        let tried = Tried(crossed(&inputs, &mut rng));
        rule(&tried.0);
    }
}

/// The beginning of one input and the end of another, with some bytes changed.
fn crossed(inputs: &[Vec<u8>], rng: &mut impl Rng) -> Vec<u8> {
    let mut any = || &inputs[rng.random_range(0..inputs.len())][..];
    let (one, other) = (any(), any());
    let mut input = one[..rng.random_range(0..=one.len())].to_vec();
    input.extend(&other[rng.random_range(0..=other.len())..]);
    if !input.is_empty() {
        for _ in 0..rng.random_range(0..4) {
            let at = rng.random_range(0..input.len());
            input[at] = rng.random();
        }
    }
    input
}

/// An input, which is printed where its rule does not hold.
struct Tried(Vec<u8>);

impl Drop for Tried {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("the input was {:?}", self.0);
        }
    }
}
