//! Random histories of signed heartbeats, judged by the engine and by a second telling of the rules.
//!
//! Senders start again, have twins, and share names; clocks on either side step; heartbeats are copied,
//! overtaken, lost, replayed, cut and flipped. `native/fuzz/src/rules/acceptance.rs` has the rules.

#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

/// Public in the fuzzer's crate, where it belongs.
#[allow(unreachable_pub, dead_code, unused_imports)]
#[path = "../../fuzz/src/rules/mod.rs"]
mod rules;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    #[test]
    fn the_engine_makes_of_every_history_what_the_rules_say(script: [u8; 65]) {
        rules::trailer(&script);
    }

    /// Mostly heartbeats, replays, and a passing time.
    #[test]
    fn the_engine_makes_of_busy_histories_what_the_rules_say(
        choice: u8,
        steps in prop::collection::vec((prop::sample::select(&[0_u8, 2, 2, 2, 3, 4, 4]), 0..32_u8), 64),
    ) {
        let steps = steps.into_iter().map(|(kind, which)| kind | which << 3);
        rules::trailer(&[choice].into_iter().chain(steps).collect::<Vec<_>>());
    }
}
