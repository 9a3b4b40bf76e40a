//! Sealed packets with anything inside, which the public functions of the core do not make.

use std::sync::LazyLock;

use aes::{
    Aes256,
    cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit, block_padding::Pkcs7},
};
use native_gossip_core::{Secret, packet::Keyring};
use sha2::{Digest, Sha256};

/// The first is that of the genuine packets in the corpus, which so can be opened as they are.
const SECRETS: [&[u8]; 2] = [b"somepassword", b"the one before"];

pub(super) const IV: [u8; BLOCK] = *b"no matter which.";
pub(super) const BLOCK: usize = 16;

/// A keyring of both secrets.
pub(super) static RING: LazyLock<Keyring> = LazyLock::new(|| Keyring::new(&secrets(), None));

static CIPHERS: LazyLock<[Aes256; 2]> =
    LazyLock::new(|| SECRETS.map(|secret| Aes256::new(&Sha256::digest(secret))));

pub(super) fn secrets() -> Vec<Secret> {
    SECRETS.iter().map(|secret| Secret(secret.to_vec())).collect()
}

/// The plaintext, sealed under each of the secrets.
pub(super) fn seal(plaintext: &[u8]) -> [Vec<u8>; 2] {
    CIPHERS.each_ref().map(|cipher| {
        let sealer = cbc::Encryptor::inner_iv_init(cipher, &IV.into());
        let mut datagram = IV.to_vec();
        datagram.extend(sealer.encrypt_padded_vec::<Pkcs7>(plaintext));
        datagram
    })
}

/// What is inside of a datagram that was sealed under the first secret.
pub(super) fn open(datagram: &[u8]) -> Vec<u8> {
    let (iv, ciphertext) = datagram.split_first_chunk::<BLOCK>().expect("an IV");
    let opener = cbc::Decryptor::inner_iv_init(&CIPHERS[0], &(*iv).into());
    opener.decrypt_padded_vec::<Pkcs7>(ciphertext).expect("sealed under the first secret")
}
