//! Sealed packets: AES-256-CBC under the SHA-256 of a secret.

use aes::{
    Aes256,
    cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit, block_padding::Pkcs7},
};
use sha2::{Digest, Sha256};

use super::PRELUDE;
use crate::{Refusal, config::Secret};

const BLOCK: usize = 16;

/// The secrets of a cluster, made ready to seal and to open.
#[derive(Default)]
pub struct Keyring {
    ciphers: Vec<Aes256>,
}

impl Keyring {
    /// A keyring of these secrets, in this order; an empty one means plain packets.
    pub fn new(secrets: &[Secret]) -> Self {
        let cipher = |secret: &Secret| Aes256::new(&Sha256::digest(&secret.0));
        Self { ciphers: secrets.iter().map(cipher).collect() }
    }

    /// Whether packets are plain.
    pub fn is_empty(&self) -> bool {
        self.ciphers.is_empty()
    }

    /// Seals with the first secret; `None` where there is none.
    pub(super) fn seal(&self, plaintext: &[u8], iv: [u8; BLOCK]) -> Option<Vec<u8>> {
        let cipher = self.ciphers.first()?;
        let sealer = cbc::Encryptor::inner_iv_init(cipher, &iv.into());
        let mut packet = iv.to_vec();
        packet.extend(sealer.encrypt_padded_vec::<Pkcs7>(plaintext));
        Some(packet)
    }

    /// Opens with the first secret that fits, and says which one it is, from 0.
    ///
    /// The padding of one packet in 256 comes out even under a wrong key. So a plaintext that
    /// does not begin as a heartbeat is returned only if no other secret yields one that does.
    pub(super) fn open(&self, datagram: &[u8]) -> Result<(usize, Vec<u8>), Refusal> {
        let (iv, ciphertext) =
            datagram.split_first_chunk::<BLOCK>().ok_or(Refusal::Undecryptable)?;
        if ciphertext.is_empty() {
            return Err(Refusal::Undecryptable);
        }
        let mut opened = Err(Refusal::Undecryptable);
        for (key, cipher) in self.ciphers.iter().enumerate() {
            let opener = cbc::Decryptor::inner_iv_init(cipher, &(*iv).into());
            if let Ok(plaintext) = opener.decrypt_padded_vec::<Pkcs7>(ciphertext) {
                if plaintext.starts_with(PRELUDE) {
                    return Ok((key, plaintext));
                }
                opened = Ok((key, plaintext));
            }
        }
        opened
    }
}
