//! Rules that hold for every packet, tried on generated ones.

#![allow(clippy::indexing_slicing)]

mod receiver;

use native_gossip_core::{
    NodeName, Refusal,
    packet::{self, Heartbeat},
};
use proptest::prelude::*;
use receiver::{Receiver, keyring};

fn node_name() -> impl Strategy<Value = NodeName> {
    let text = "[0-9A-Za-z_-]{1,100}@[!-?A-~¡-ÿ]{1,77}";
    text.prop_filter_map("nonode@nohost is no name", |text| NodeName::parse(&text).ok())
}

/// `heartbeat::`, a map of `node` and this many bytes of further pairs.
fn with_pairs(node: &NodeName, count: u8, pairs: &[u8]) -> Vec<u8> {
    let mut packet = packet::encode(node, &keyring(&[]), [0; 16]);
    let arity_at = b"heartbeat::".len() + 5;
    packet[arity_at] += count;
    packet.extend(pairs);
    packet
}

/// A pair `a => VALUE`.
fn pair(key: u8, value: &[u8]) -> Vec<u8> {
    let mut pair = vec![119, 1, key];
    pair.extend(value);
    pair
}

fn decode_plain(packet: &[u8]) -> Result<NodeName, Refusal> {
    Receiver::new(&[]).node(packet)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn what_is_encoded_is_decoded(node in node_name(), iv: [u8; 16], secret: Option<String>) {
        let secrets: Vec<_> = secret.as_deref().into_iter().collect();
        let packet = packet::encode(&node, &keyring(&secrets), iv);
        prop_assert_eq!(Receiver::new(&secrets).node(&packet), Ok(node));
    }

    #[test]
    fn any_secret_of_the_ring_opens_and_a_strange_one_does_not(node in node_name(), iv: [u8; 16]) {
        let packet = packet::encode(&node, &keyring(&["new"]), iv);
        let heartbeat = Receiver::new(&["old", "new"]).heartbeat(&packet);
        prop_assert_eq!(heartbeat, Ok(Heartbeat { node, secret_index: Some(1), claim: None }));
        prop_assert!(Receiver::new(&["old"]).node(&packet).is_err());
    }

    #[test]
    fn a_changed_byte_of_the_name_is_taken_if_and_only_if_a_node_can_have_it(
        node in "[a-z]{1,9}@[a-z]{1,9}",
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut name = node.into_bytes();
        let sent = NodeName::parse(std::str::from_utf8(&name)?);
        let mut packet = packet::encode(&sent.expect("a name"), &keyring(&[]), [0; 16]);
        let (at, len) = (at.index(name.len()), packet.len());
        name[at] = byte;
        packet[len - name.len() + at] = byte;

        let place = name.iter().position(|b| *b == b'@').unwrap_or(0);
        let (base, host) = (&name[..place], name.get(place + 1..).unwrap_or_default());
        let in_base = |b: &u8| b.is_ascii_alphanumeric() || b"-_".contains(b);
        let startable = !base.is_empty() && base.iter().all(in_base)
            // A lone byte beyond ASCII is no UTF-8.
            && !host.is_empty() && host.iter().all(|b| (b'!'..=0x7f).contains(b) && *b != b'@');
        let taken = decode_plain(&packet);
        prop_assert_eq!(taken.is_ok(), startable, "{:?}", taken);
        if let Ok(taken) = taken {
            prop_assert_eq!(taken.as_str().as_bytes(), name.as_slice());
        }
    }

    #[test]
    fn noise_is_malformed_or_undecryptable(noise: Vec<u8>) {
        prop_assert_eq!(decode_plain(&noise), Err(Refusal::Malformed));
        let sealed = Receiver::new(&["secret"]).node(&noise);
        prop_assert!(matches!(sealed, Err(Refusal::Undecryptable | Refusal::Malformed)));
    }
}

fn node() -> NodeName {
    NodeName::parse("app@10.0.0.1").expect("a node name")
}

#[test]
fn terms_of_every_plain_kind_are_skipped() {
    let kinds: [&[u8]; 14] = [
        &[97, 7],
        &[98, 0xff, 0, 0, 0],
        &[110, 1, 1, 9],
        &[111, 0, 0, 0, 1, 0, 9],
        &[70, 0x40, 0, 0, 0, 0, 0, 0, 0],
        &[119, 2, b'o', b'k'],
        &[100, 0, 1, 0xf6],
        &[109, 0, 0, 0, 1, 0],
        &[107, 0, 2, 1, 2],
        &[106],
        &[108, 0, 0, 0, 1, 97, 1, 106],
        &[104, 2, 97, 1, 106],
        &[105, 0, 0, 0, 0],
        &[116, 0, 0, 0, 1, 97, 1, 104, 0],
    ];
    for kind in kinds {
        let packet = with_pairs(&node(), 1, &pair(b'a', kind));
        assert_eq!(decode_plain(&packet), Ok(node()), "{kind:?}");
    }
}

#[test]
fn terms_of_other_kinds_and_broken_ones_are_refused() {
    let kinds: [&[u8]; 15] = [
        &[88, 119, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], // a pid
        &[90, 0, 1, 119, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 0],       // a reference
        &[113, 119, 1, b'a', 119, 1, b'b', 97, 0],               // a fun
        &[77, 0, 0, 0, 1, 3, 0xe0],                              // bits
        &[80, 0, 0, 0, 1],                                       // compressed
        &[82, 0],                                                // an atom of a cache
        &[70, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0],                     // infinity
        &[110, 0, 0],
        &[110, 1, 2, 9],
        &[119, 1, 0xff],
        &[109, 0xff, 0xff, 0xff, 0xff],
        &[108, 0, 0, 0, 0, 106],
        &[104, 3, 97, 1],
        &[131, 97, 1],
        &[],
    ];
    for kind in kinds {
        let packet = with_pairs(&node(), 1, &pair(b'a', kind));
        assert_eq!(decode_plain(&packet), Err(Refusal::Malformed), "{kind:?}");
    }
}

#[test]
fn sixteen_further_pairs_are_skipped_and_a_seventeenth_is_refused() {
    for count in [0, 1, 16, 17] {
        let pairs: Vec<u8> = (b'a'..).take(count).flat_map(|key| pair(key, &[106])).collect();
        let packet = with_pairs(&node(), u8::try_from(count).expect("few"), &pairs);
        assert_eq!(decode_plain(&packet).is_ok(), count <= 16, "{count}");
    }
}

#[test]
fn eight_levels_are_skipped_and_a_ninth_is_refused() {
    let nested = |open: &[u8], close: &[u8], depth: usize| {
        let mut term = open.repeat(depth);
        term.push(106);
        term.extend(close.repeat(depth));
        pair(b'a', &term)
    };
    let kinds: [(&[u8], &[u8]); 3] =
        [(&[108, 0, 0, 0, 1], &[106]), (&[104, 1], &[]), (&[116, 0, 0, 0, 1, 97, 1], &[])];
    for (open, close) in kinds {
        for depth in [1, 8, 9, 150] {
            let packet = with_pairs(&node(), 1, &nested(open, close, depth));
            assert_eq!(decode_plain(&packet).is_ok(), depth <= 8, "{open:?} {depth}");
        }
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_in_whatever_form() {
    let twice: [(&[u8], &[u8]); 4] = [
        (&[119, 1, b'a'], &[119, 1, b'a']),
        (&[119, 1, b'a'], &[100, 0, 1, b'a']),
        (&[119, 2, 0xc3, 0xb6], &[115, 1, 0xf6]),
        (&[97, 1], &[98, 0, 0, 0, 1]),
    ];
    for (first, second) in twice {
        let map = [first, &[106], second, &[106]].concat();
        let top = with_pairs(&node(), 2, &map);
        assert_eq!(decode_plain(&top), Err(Refusal::Malformed), "{first:?}");
        let nested = [&[116, 0, 0, 0, 2], map.as_slice()].concat();
        let nested = with_pairs(&node(), 1, &pair(b'z', &nested));
        assert_eq!(decode_plain(&nested), Err(Refusal::Malformed), "nested {first:?}");
    }
}

#[test]
fn keys_that_could_hide_a_second_one_are_refused() {
    for key in
        [&[106][..], &[70, 0, 0, 0, 0, 0, 0, 0, 0], &[104, 0], &[110, 1, 0, 1], &[107, 0, 1, 1]]
    {
        let pairs = [key, &[106]].concat();
        assert_eq!(
            decode_plain(&with_pairs(&node(), 1, &pairs)),
            Err(Refusal::Malformed),
            "{key:?}"
        );
    }
}

#[test]
fn a_trailer_may_follow_the_term_and_part_of_one_may_not() {
    let packet = packet::encode(&node(), &keyring(&[]), [0; 16]);
    let trailer = [&b"NG\x01\x00\x15"[..], &[0; 16]].concat();
    for len in 1..=trailer.len() {
        let packet = [&packet, &trailer[..len]].concat();
        assert_eq!(decode_plain(&packet).is_ok(), len == trailer.len(), "{len}");
    }
    let whole = Receiver::new(&[]).heartbeat(&[packet, trailer].concat());
    assert_eq!(whole, Ok(Heartbeat { node: node(), secret_index: None, claim: None }));
}
