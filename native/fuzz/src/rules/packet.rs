//! Datagrams, plain and sealed.

use native_gossip_core::{
    NodeName, Refusal,
    packet::{self, Heartbeat, Keyring},
};

use super::sealing::{BLOCK, PLAIN, RING, seal};

/// What is accepted carries a node name, and that name makes a heartbeat that is accepted too.
pub fn packet(datagram: &[u8]) {
    holds_a_name(packet::decode(datagram, &PLAIN), &PLAIN);
}

/// The bytes are a datagram, and all but the first two of them also a plaintext: sealed under
/// either secret it has the verdict of the plain packet. Those two choose the bit to flip.
pub fn sealed(data: &[u8]) {
    holds_a_name(packet::decode(data, &RING), &RING);

    let Some(([high, low], plaintext)) = data.split_first_chunk() else { return };
    let verdict = packet::decode(plaintext, &PLAIN);
    for (key, mut datagram) in seal(plaintext).into_iter().enumerate() {
        let sealed = verdict.clone().map(|plain| Heartbeat { key: Some(key), ..plain });
        assert_eq!(packet::decode(&datagram, &RING), sealed);

        let bit = usize::from(u16::from_be_bytes([*high, *low])) % (datagram.len() * 8);
        let at = bit / 8;
        let cut = packet::decode(&datagram[..at], &RING);
        let is_refused = matches!(cut, Err(Refusal::Undecryptable));
        assert!(at % BLOCK == 0 || is_refused, "cut to {at}: {cut:?}");
        datagram[at] ^= 1 << (bit % 8);
        holds_a_name(packet::decode(&datagram, &RING), &RING);
    }
}

fn holds_a_name(verdict: Result<Heartbeat, Refusal>, keyring: &Keyring) {
    if let Ok(Heartbeat { node, key, .. }) = verdict {
        assert_eq!(key.is_none(), keyring.is_empty());
        assert_eq!(NodeName::parse(node.as_str()).as_ref(), Ok(&node));
        let heartbeat = packet::encode(&node, keyring, [0; BLOCK]);
        assert_eq!(packet::decode(&heartbeat, keyring).map(|again| again.node), Ok(node));
    }
}
