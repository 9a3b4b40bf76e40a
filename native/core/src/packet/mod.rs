//! The packet: a heartbeat that carries the name of the node that sends it.
//!
//! ```text
//! plain:   "heartbeat::" ETF [trailer]
//! sealed:  IV(16) AES-256-CBC(key = SHA-256(secret), PKCS #7)("heartbeat::" ETF [trailer])
//! ```
//!
//! ETF is Erlang's external term format of `%{node: name}`. This module reads and writes; in which
//! order a packet is judged, and what is made of it, is the [engine](crate::Engine)'s.

mod etf;
mod heartbeat;
mod keyring;
mod trailer;

use std::borrow::Cow;

pub use keyring::{Form, Iv, Keyring, Opened};
pub use trailer::{EchoList, Label, MAX_ECHOES, Mac, Signed, Trailer};

use self::{etf::Malformed, trailer::Tail};
use crate::{NodeName, Refusal, WallTime, name::NameText};

/// What every heartbeat begins with.
const PRELUDE: &[u8] = b"heartbeat::";

/// What a packet of `NativeGossip.Doctor` begins with, which Elixir makes: a map without a node, so that no
/// strategy takes it for a heartbeat.
const DOCTORS: &[u8] = b"heartbeat::\x83t\0\0\0\x01m\0\0\0\x14native_gossip_doctor";

/// What a packet says, once all that is in it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The node that sends it.
    pub node: NodeName,
    /// The place in the keyring of the secret that opened or verified it, from 0; `None` where it was
    /// plain and is not signed.
    pub secret_index: Option<usize>,
    /// What it proves, where it is signed under one of our secrets.
    pub claim: Option<Claim>,
}

/// What a signed heartbeat says beside the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The place in the keyring of the secret that signed it.
    pub secret_index: usize,
    /// When it was sent, by the sender's wall clock.
    pub stamp: WallTime,
    /// Whether the node is about to stop.
    pub is_leaving: bool,
    /// Who sends, since when, and how often.
    pub signed: Signed,
    /// It tells two heartbeats of one number apart.
    pub mac: Mac,
}

/// A packet that was read, and not believed yet.
pub(crate) struct Packet<'a> {
    opened: &'a Opened<'a>,
    name: Cow<'a, str>,
    trailer: Option<Trailer>,
    mac: Option<Mac>,
    /// Known already of a later version.
    signer: Option<usize>,
}

impl<'a> Packet<'a> {
    /// Reads what is inside, and the shape of what follows it.
    ///
    /// A trailer of a later version counts as one of this version where it verifies as one, and else
    /// for nothing: its fields may be anywhere.
    pub(crate) fn read(opened: &'a Opened<'a>, keyring: &Keyring) -> Result<Self, Refusal> {
        let read = heartbeat::read(opened.plaintext);
        let (name, tail) =
            read.map_err(|Malformed| match opened.plaintext.strip_prefix(DOCTORS) {
                Some(_) => Refusal::Doctor,
                None => Refusal::Malformed,
            })?;
        let unsigned = Self { opened, name, trailer: None, mac: None, signer: None };
        Ok(match tail {
            Tail::Nothing | Tail::Later(None) => unsigned,
            Tail::Trailer(trailer, mac) => Self { trailer: Some(trailer), mac, ..unsigned },
            Tail::Later(Some((trailer, mac))) => match keyring.verify(opened, &mac) {
                None => unsigned,
                signer => Self { trailer: Some(trailer), mac: Some(mac), signer, ..unsigned },
            },
        })
    }

    /// The label, where there is one.
    pub(crate) fn label(&self) -> Option<Label> {
        self.trailer.as_ref().map(|trailer| trailer.label)
    }

    /// Whether it is neither sealed nor claims to be signed.
    pub(crate) fn is_bare(&self) -> bool {
        self.opened.form == Form::Plain && self.mac.is_none()
    }

    /// What it proves. Without secrets nothing can be proved, and nothing is believed.
    pub(crate) fn verify(&mut self, keyring: &Keyring) -> Result<Option<Claim>, Refusal> {
        let Some(mac) = self.mac.filter(|_| !keyring.is_empty()) else { return Ok(None) };
        let signer = self.signer.or_else(|| keyring.verify(self.opened, &mac));
        let secret_index = signer.ok_or(Refusal::Signature)?;
        let claim =
            self.trailer.take().and_then(|Trailer { is_leaving, stamp, signed, .. }| {
                Some(Claim { secret_index, stamp, is_leaving, signed: signed?, mac })
            });
        Ok(claim)
    }

    /// The name, if a node can have it.
    pub(crate) fn name(&self) -> Result<NameText<'_>, Refusal> {
        NameText::parse(&self.name).map_err(|_| Refusal::Name)
    }

    /// Whether it came sealed.
    pub(crate) fn is_sealed(&self) -> bool {
        self.opened.form != Form::Plain
    }

    /// The place of the secret that opened it.
    pub(crate) fn opened_with(&self) -> Option<usize> {
        self.opened.secret_index
    }
}

/// The heartbeat of `node` as nodes without trailers send it, sealed where the keyring has a secret.
/// `iv` must be unpredictable; a plain heartbeat does without it.
pub fn encode(node: &NodeName, keyring: &Keyring, iv: Iv) -> Vec<u8> {
    let plaintext = heartbeat::encode(node);
    keyring.seal(&plaintext, iv).unwrap_or(plaintext)
}

/// The heartbeat of `node` with a trailer, and with the MAC of the first secret where the trailer is
/// signed. An IV must be unpredictable, and be used once.
pub fn encode_with(node: &NodeName, trailer: &Trailer, keyring: &Keyring, form: Form) -> Vec<u8> {
    let mut plaintext = heartbeat::encode(node);
    trailer.write(&mut plaintext);
    if trailer.signed.is_some() {
        keyring.sign(form, &mut plaintext);
    }
    match form {
        Form::Plain => plaintext,
        Form::Sealed(iv) => keyring.seal(&plaintext, iv).unwrap_or(plaintext),
    }
}
