//! Every input that fuzzing kept, tried again: `bin/fuzz` finds them, and this needs no fuzzer.

#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods)]

use std::{fs, path::Path};

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
    let inputs: Vec<_> =
        fs::read_dir(&folder).expect("a corpus").map(|e| e.expect("a file")).collect();
    assert!(!inputs.is_empty(), "{} has lost its files", folder.display());
    for input in inputs {
        // Where a rule does not hold, its panic follows this line.
        println!("{}", input.path().display());
        rule(&fs::read(input.path()).expect("a readable file"));
    }
}
