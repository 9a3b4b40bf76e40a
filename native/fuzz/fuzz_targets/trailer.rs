//! Histories of signed heartbeats.

#![no_main]

use libfuzzer_sys::fuzz_target;
use native_gossip_fuzz::{rules, try_rule};

fuzz_target!(|input: &[u8]| try_rule(rules::trailer, input));
