//! Datagrams, plain and sealed.

use native_gossip_core::{
    Config, Engine, NodeName, Received, Refusal, Secret, Time,
    packet::{self, Heartbeat, Keyring},
};

use super::{
    dice::Dice,
    sealing::{BLOCK, RING, seal, secrets},
};

/// What is accepted carries a node name, and that name makes a heartbeat that is accepted too.
pub fn packet(datagram: &[u8]) {
    let mut plain = receiver(Vec::new());
    let taken = verdict(&mut plain, datagram);
    holds_a_name(&mut plain, taken, &Keyring::default());
}

/// The bytes are a datagram, and all but the first two of them also a plaintext: sealed under
/// either secret it has the verdict of the plain packet, and where that claims to be signed, nobody
/// who knows the key has done so. Those two choose the bit to flip.
pub fn sealed(data: &[u8]) {
    let mut receiver = self::receiver(secrets());
    let taken = verdict(&mut receiver, data);
    holds_a_name(&mut receiver, taken, &RING);

    let Some(([high, low], plaintext)) = data.split_first_chunk() else { return };
    let expected = verdict(&mut self::receiver(Vec::new()), plaintext);
    for (secret_index, mut datagram) in seal(plaintext).into_iter().enumerate() {
        let taken = verdict(&mut receiver, &datagram);
        if taken == Err(Refusal::Signature) {
            assert!(claims_to_be_signed(plaintext), "{expected:?}");
        } else {
            let sealed = expected
                .clone()
                .map(|plain| Heartbeat { secret_index: Some(secret_index), ..plain });
            assert_eq!(taken, sealed);
        }

        let bit = usize::from(u16::from_be_bytes([*high, *low])) % (datagram.len() * 8);
        let at = bit / 8;
        let cut = verdict(&mut receiver, &datagram[..at]);
        let is_refused = matches!(cut, Err(Refusal::Undecryptable));
        assert!(at % BLOCK == 0 || is_refused, "cut to {at}: {cut:?}");
        datagram[at] ^= 1 << (bit % 8);
        let taken = verdict(&mut receiver, &datagram);
        holds_a_name(&mut receiver, taken, &RING);
    }
}

/// An engine that is not alive, and so judges packets alone.
fn receiver(secrets: Vec<Secret>) -> Engine<Dice> {
    Engine::new(Config { secrets, max_peers: 1, ..Config::default() }, Dice::new(0))
}

pub(super) fn verdict(engine: &mut Engine<Dice>, datagram: &[u8]) -> Result<Heartbeat, Refusal> {
    match engine.receive(Time::ZERO.into(), [10, 0, 0, 1].into(), datagram) {
        Received::Peer(heartbeat) => Ok(heartbeat),
        Received::Refused(cause) => Err(cause),
        Received::Copy(_) | Received::Echo => unreachable!("it knows nobody, and has no name"),
    }
}

/// Whether a trailer of this version that has a MAC may stand at the end.
fn claims_to_be_signed(plaintext: &[u8]) -> bool {
    (0..plaintext.len()).any(|at| match &plaintext[at..] {
        trailer @ [b'N', b'G', 1, flags, len, ..] => {
            flags & 1 == 1 && usize::from(*len) == trailer.len()
        }
        _ => false,
    })
}

fn holds_a_name(
    receiver: &mut Engine<Dice>,
    verdict: Result<Heartbeat, Refusal>,
    keyring: &Keyring,
) {
    if let Ok(Heartbeat { node, secret_index, claim }) = verdict {
        assert_eq!(secret_index.is_none(), keyring.is_empty());
        assert_eq!(claim, None, "signed by nobody");
        assert_eq!(NodeName::parse(node.as_str()).as_ref(), Ok(&node));
        let heartbeat = packet::encode(&node, keyring, [0; BLOCK]);
        assert_eq!(self::verdict(receiver, &heartbeat).map(|again| again.node), Ok(node));
    }
}
