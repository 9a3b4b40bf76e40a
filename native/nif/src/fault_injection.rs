//! Panics on demand. Compiled only with the feature `fault_injection`, which no build but that of
//! `test/faults/panic_test.exs` has.

use native_gossip_core::NodeName;

/// Panics where the node's name begins so.
pub(crate) fn panic_if_named(place: &str, node: &NodeName) {
    assert!(!node.as_str().starts_with(place), "a panic forced by the name {node}");
}
