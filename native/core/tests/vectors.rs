//! Real packets with verdicts, and what becomes of them when they are cut or a bit of them flips.

#![allow(clippy::indexing_slicing)]

mod receiver;

use native_gossip_core::{NodeName, Refusal};
use receiver::Receiver;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    case: String,
    secret: Option<String>,
    packet: String,
    node: Option<String>,
    reject: Option<String>,
}

impl Vector {
    fn bytes(&self) -> Vec<u8> {
        let digits = self.packet.as_bytes();
        let byte = |pair: &[u8]| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hex digits")
        };
        digits.chunks(2).map(byte).collect()
    }

    /// A node that has this secret.
    fn receiver(&self) -> Receiver {
        Receiver::new(&self.secret.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn verdict(&self, packet: &[u8]) -> Result<NodeName, Refusal> {
        self.receiver().node(packet)
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors/packets.json")).expect("a list of vectors")
}

fn valid_vectors() -> impl Iterator<Item = Vector> {
    vectors().into_iter().filter(|vector| vector.node.is_some())
}

fn name(text: &str) -> NodeName {
    NodeName::parse(text).expect("a node name")
}

#[test]
fn every_vector_gets_its_verdict() {
    let vectors = vectors();
    assert!(vectors.len() >= 57, "the file has lost some");
    for vector in vectors {
        let verdict = vector.verdict(&vector.bytes());
        let verdict = verdict.map(|node| node.to_string()).map_err(|cause| cause.to_string());
        let expected = vector.node.ok_or(vector.reject.unwrap_or_default());
        assert_eq!(verdict, expected, "{}", vector.case);
    }
}

#[test]
fn no_truncation_of_a_valid_packet_is_taken() {
    for vector in valid_vectors() {
        let bytes = vector.bytes();
        for len in 0..bytes.len() {
            let verdict = vector.verdict(&bytes[..len]);
            assert!(verdict.is_err(), "{} cut to {len} bytes: {verdict:?}", vector.case);
        }
    }
}

#[test]
fn no_byte_may_follow_the_term() {
    for vector in valid_vectors().filter(|vector| vector.secret.is_none()) {
        for byte in 0..=u8::MAX {
            let mut bytes = vector.bytes();
            bytes.push(byte);
            let verdict = vector.verdict(&bytes);
            assert_eq!(verdict, Err(Refusal::Malformed), "{} and {byte}", vector.case);
        }
    }
}

#[test]
fn a_flipped_bit_of_a_plain_packet_is_refused_or_makes_the_name_that_it_spells() {
    for vector in valid_vectors().filter(|vector| vector.secret.is_none()) {
        let bytes = vector.bytes();
        let node = vector.node.clone().expect("valid");
        let name_at = bytes.windows(node.len()).position(|part| part == node.as_bytes());
        let name_at = name_at.expect("the name stands in the packet");
        for (at, flipped) in flips(&bytes) {
            let Ok(taken) = vector.verdict(&flipped) else { continue };
            let spelled = &flipped[name_at..name_at + node.len()];
            let latin1: String = spelled.iter().copied().map(char::from).collect();
            assert_eq!(taken.as_str(), latin1, "{}", vector.case);
            // 115 and 119 are two forms of one atom; a further pair is not looked at.
            let same_atom = [115, 119].contains(&flipped[at]);
            let in_name = (name_at..name_at + node.len()).contains(&at);
            let in_further_pair = at >= name_at + node.len();
            assert!(same_atom || in_name || in_further_pair, "{}, byte {at}", vector.case);
        }
    }
}

#[test]
fn a_flipped_bit_of_a_sealed_packet_is_refused_or_spoils_the_name() {
    for vector in valid_vectors().filter(|vector| vector.secret.is_some()) {
        let node = name(vector.node.as_deref().expect("valid"));
        for (_, flipped) in flips(&vector.bytes()) {
            assert!(vector.verdict(&flipped).as_ref() != Ok(&node), "{}", vector.case);
        }
    }
}

/// Every packet that differs in one bit, with the place of the byte that differs.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let at = bit / 8;
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (bit % 8);
        (at, flipped)
    })
}
