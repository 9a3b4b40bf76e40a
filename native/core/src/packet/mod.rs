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

pub use heartbeat::Heartbeat;
pub use keyring::Keyring;
pub use trailer::Trailer;

use crate::{NodeName, Refusal};

/// What every heartbeat begins with.
const PRELUDE: &[u8] = b"heartbeat::";

/// Reads one datagram: a plain heartbeat where the keyring is empty, a sealed one where it is not.
///
/// # Errors
/// The first rule that it breaks: [`Refusal::Undecryptable`] where no secret opens it,
/// [`Refusal::Unsealed`] where it is plain and we seal, [`Refusal::Malformed`] where what is inside
/// is not a heartbeat, [`Refusal::Name`] where it names no node.
pub fn decode(datagram: &[u8], keyring: &Keyring) -> Result<Heartbeat, Refusal> {
    if keyring.is_empty() {
        return heartbeat::decode(datagram, None);
    }
    let opened = keyring.open(datagram);
    let heartbeat = opened.and_then(|(key, plaintext)| heartbeat::decode(&plaintext, Some(key)));
    heartbeat.map_err(|cause| match cause {
        // An IV may begin with any bytes, so the prelude tells only of what failed to open. Of plain
        // packets whose length fits one in 256 has an even padding and is read as noise.
        Refusal::Undecryptable | Refusal::Malformed if datagram.starts_with(PRELUDE) => {
            Refusal::Unsealed
        }
        cause => cause,
    })
}

/// The heartbeat of `node`, sealed where the keyring has a secret. `iv` must be unpredictable; a
/// plain heartbeat does without it.
pub fn encode(node: &NodeName, keyring: &Keyring, iv: [u8; 16]) -> Vec<u8> {
    let plaintext = heartbeat::encode(node);
    keyring.seal(&plaintext, iv).unwrap_or(plaintext)
}
