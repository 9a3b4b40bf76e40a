//! The heartbeat itself, as it stands in a plain packet or inside a sealed one.

use std::borrow::Cow;

use super::{
    PRELUDE,
    etf::{self, Keys, MAP, Malformed, Reader, SMALL_ATOM_UTF8, Scalar, VERSION},
    trailer::Trailer,
};
use crate::{NodeName, Refusal};

/// What a packet says, once all that is in it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The node that sends it.
    pub node: NodeName,
    /// The place in the keyring of the secret that opened it, from 0; `None` where it was plain.
    pub key: Option<usize>,
    /// What follows the term, if anything does.
    pub trailer: Option<Trailer>,
}

/// The key under which a heartbeat carries the name.
const NODE: &str = "node";

/// Refuses everything but `"heartbeat::"`, a map with exactly one key `node`, and a trailer or
/// nothing behind it.
pub(super) fn decode(plaintext: &[u8], key: Option<usize>) -> Result<Heartbeat, Refusal> {
    let (name, trailer) = read(plaintext).map_err(|Malformed| Refusal::Malformed)?;
    let node = NodeName::parse(&name).map_err(|_| Refusal::Name)?;
    Ok(Heartbeat { node, key, trailer })
}

/// The heartbeat of `node`: `%{node: node}` in the form that OTP 26 and later send and that
/// every OTP since 18 reads.
pub(super) fn encode(node: &NodeName) -> Vec<u8> {
    let mut packet = PRELUDE.to_vec();
    packet.extend([VERSION, MAP, 0, 0, 0, 1]);
    for atom in [NODE, node.as_str()] {
        // A node name has at most 255 bytes.
        #[allow(clippy::cast_possible_truncation)]
        packet.extend([SMALL_ATOM_UTF8, atom.len() as u8]);
        packet.extend(atom.as_bytes());
    }
    packet
}

fn read(plaintext: &[u8]) -> Result<(Cow<'_, str>, Option<Trailer>), Malformed> {
    let term = plaintext.strip_prefix(PRELUDE).ok_or(Malformed)?;
    let mut reader = Reader::new(term);
    let pairs = reader.open_map()?;

    let mut name = None;
    let mut keys = Keys::default();
    for _ in 0..pairs {
        let key = reader.scalar()?;
        let is_node = matches!(&key, Scalar::Atom(text) if text == NODE);
        keys.insert(key)?;
        if is_node {
            match reader.scalar()? {
                Scalar::Atom(text) => name = Some(text),
                _ => return Err(Malformed),
            }
        } else {
            etf::skip_term(&mut reader)?;
        }
    }

    let trailer = match reader.rest() {
        [] => None,
        rest => Some(Trailer::parse(rest).ok_or(Malformed)?),
    };
    Ok((name.ok_or(Malformed)?, trailer))
}
