//! The packet: a heartbeat that carries the name of the node that sends it.
//!
//! ```text
//! plain:   "heartbeat::" ETF [trailer]
//! sealed:  IV(16) AES-256-CBC(key = SHA-256(secret), PKCS #7)("heartbeat::" ETF [trailer])
//! ```
//!
//! ETF is Erlang's external term format of `%{node: name}`.

mod etf;
mod heartbeat;
mod keyring;
mod trailer;

pub use keyring::Keyring;

use crate::{NodeName, Refusal};

/// What every heartbeat begins with.
const PRELUDE: &[u8] = b"heartbeat::";

/// Reads one datagram: a plain heartbeat where the keyring is empty, a sealed one where it is not.
///
/// # Errors
/// [`Refusal::Undecryptable`] where no secret opens it, [`Refusal::Malformed`] where what is
/// inside is not a heartbeat, [`Refusal::Name`] where it names no node.
pub fn decode(datagram: &[u8], keyring: &Keyring) -> Result<NodeName, Refusal> {
    if keyring.is_empty() {
        heartbeat::decode(datagram)
    } else {
        heartbeat::decode(&keyring.open(datagram)?)
    }
}

/// The heartbeat of `node`, sealed where the keyring has a secret. `iv` must be unpredictable; a
/// plain heartbeat does without it.
pub fn encode(node: &NodeName, keyring: &Keyring, iv: [u8; 16]) -> Vec<u8> {
    let plaintext = heartbeat::encode(node);
    keyring.seal(&plaintext, iv).unwrap_or(plaintext)
}

/// Whether a datagram that did not open was never sealed. An IV may begin with any bytes, so
/// this says something only about what failed to open.
pub(crate) fn is_unsealed(datagram: &[u8]) -> bool {
    datagram.starts_with(PRELUDE)
}
