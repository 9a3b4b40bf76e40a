//! The heartbeat itself, as it stands in a plain packet or inside a sealed one.

use std::borrow::Cow;

use super::{
    PRELUDE,
    etf::{self, Keys, MAP, Malformed, Reader, SMALL_ATOM_UTF8, Scalar, VERSION},
    trailer::Tail,
};
use crate::NodeName;

/// The key under which a heartbeat carries the name.
const NODE: &str = "node";

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

/// Refuses everything but `"heartbeat::"`, a map with exactly one key `node`, and a trailer or
/// nothing behind it. Returns the name, which may be that of no node.
pub(super) fn read(plaintext: &[u8]) -> Result<(Cow<'_, str>, Tail), Malformed> {
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

    let tail = Tail::parse(reader.rest())?;
    Ok((name.ok_or(Malformed)?, tail))
}
