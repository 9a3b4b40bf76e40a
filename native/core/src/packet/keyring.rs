//! The secrets of a cluster, made ready to seal and to sign.
//!
//! | key of a secret | derived as |
//! |---|---|
//! | AES-256-CBC | SHA-256(secret) |
//! | HMAC-SHA-256 | HKDF-SHA-256(ikm = secret, salt = "native_gossip", info = "heartbeat mac 1" \| 0x00 \| cluster) |
//!
//! No type here can be shown, and each that holds a key overwrites it when it is dropped.

use aes::{
    Aes256,
    cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, block_padding::Pkcs7},
};
use hmac::{Hmac, KeyInit, Mac as _, digest::FixedOutput};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{PRELUDE, trailer::Mac};
use crate::{Refusal, config::Secret};

/// What a MAC is of begins with this, so that it is never that of anything else.
const DOMAIN: &[u8] = b"native_gossip heartbeat 1";
const SALT: &[u8] = b"native_gossip";
const INFO: &[u8] = b"heartbeat mac 1\0";

/// Of the stack, what deriving keys may have used: 8 kB, in words, which are quicker to overwrite.
const SCRUBBED: usize = 1024;

/// The first bytes of a sealed packet.
pub type Iv = [u8; 16];

/// Whether a packet is sealed, and then with which initialisation vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// Encrypted.
    Sealed(Iv),
}

/// The secrets of a cluster. An empty keyring means plain packets.
#[derive(Default)]
pub struct Keyring {
    keys: Vec<Key>,
}

/// One secret. Both ciphers overwrite themselves when they are dropped.
struct Key {
    cipher: Aes256,
    /// Prepared: the key is in it, and the message is not.
    mac: Hmac<Sha256>,
}

/// A datagram that was opened, or needed no opening.
pub struct Opened<'a> {
    pub(super) form: Form,
    /// The place of the secret that opened it.
    pub(super) secret_index: Option<usize>,
    pub(super) plaintext: &'a [u8],
}

impl Keyring {
    /// A keyring of these secrets of this cluster, in this order.
    pub fn new(secrets: &[Secret], cluster: Option<&str>) -> Self {
        let keyring = Self::derive(secrets, cluster.unwrap_or_default());
        scrub_stack();
        keyring
    }

    /// In a frame of its own, which the stack of the caller can be scrubbed of.
    #[inline(never)]
    fn derive(secrets: &[Secret], cluster: &str) -> Self {
        Self { keys: secrets.iter().map(|secret| Key::new(&secret.0, cluster)).collect() }
    }

    /// Whether packets are plain.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many secrets there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Seals with the first secret; `None` where there is none.
    pub(super) fn seal(&self, plaintext: &[u8], iv: Iv) -> Option<Vec<u8>> {
        let cipher = &self.keys.first()?.cipher;
        let sealer = cbc::Encryptor::inner_iv_init(cipher, &iv.into());
        let mut packet = iv.to_vec();
        packet.extend(sealer.encrypt_padded_vec::<Pkcs7>(plaintext));
        Some(packet)
    }

    /// Opens with the first secret that fits. What none opens may be plain. What was sealed is in `room`
    /// then, which grows for the longest datagram alone.
    ///
    /// The padding of one packet in 256 comes out even under a wrong key. So only a plaintext that
    /// begins as a heartbeat counts as opened, where the datagram or another secret yields one. An IV
    /// may begin with any bytes, so what can be opened is never taken for plain.
    ///
    /// # Errors
    /// Where there are secrets and none opens it: [`Refusal::Undecryptable`], or [`Refusal::Malformed`] where
    /// only the padding came out even.
    pub(crate) fn open<'a>(
        &self,
        datagram: &'a [u8],
        room: &'a mut Vec<u8>,
    ) -> Result<Opened<'a>, Refusal> {
        let (mut is_noise, mut opened) = (false, None);
        if let Some((iv, ciphertext)) = datagram.split_first_chunk().filter(|(_, c)| !c.is_empty())
        {
            room.resize(room.len().max(ciphertext.len()), 0);
            for (secret_index, Key { cipher, .. }) in self.keys.iter().enumerate() {
                let opener = cbc::Decryptor::inner_iv_init(cipher, &(*iv).into());
                match opener.decrypt_padded_b2b::<Pkcs7>(ciphertext, room) {
                    Ok(plaintext) if plaintext.starts_with(PRELUDE) => {
                        opened = Some((Form::Sealed(*iv), secret_index, plaintext.len()));
                        break;
                    }
                    plaintext => is_noise |= plaintext.is_ok(),
                }
            }
        }
        if let Some((form, secret_index, length)) = opened {
            let plaintext = room.get(..length).unwrap_or_default();
            return Ok(Opened { form, secret_index: Some(secret_index), plaintext });
        }
        if self.is_empty() || datagram.starts_with(PRELUDE) {
            return Ok(Opened { form: Form::Plain, secret_index: None, plaintext: datagram });
        }
        Err(if is_noise { Refusal::Malformed } else { Refusal::Undecryptable })
    }

    /// Appends the MAC of the first secret to a plaintext; nothing where there is no secret.
    pub(super) fn sign(&self, form: Form, plaintext: &mut Vec<u8>) {
        if let Some(key) = self.keys.first() {
            let whole = key.mac_of(form, plaintext).finalize().into_bytes();
            plaintext.extend(whole.iter().take(size_of::<Mac>()));
        }
    }

    /// The place of the secret whose MAC this is. What was sealed under a secret is signed under the
    /// same one, so that each is tried once.
    pub(super) fn verify(&self, opened: &Opened<'_>, mac: &Mac) -> Option<usize> {
        let (signed, _) = opened.plaintext.split_last_chunk::<{ size_of::<Mac>() }>()?;
        let is_its = |key: &Key| {
            let computed = key.mac_of(opened.form, signed);
            computed.verify_truncated_left(mac).is_ok() // In constant time.
        };
        match opened.secret_index {
            Some(place) => self.keys.get(place).filter(|key| is_its(key)).map(|_| place),
            None => self.keys.iter().position(is_its),
        }
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        self.keys.clear();
        scrub_stack();
    }
}

impl Key {
    fn new(secret: &[u8], cluster: &str) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        Digest::finalize_into(Sha256::new_with_prefix(secret), (&mut *key).into());
        let cipher = Aes256::new((&*key).into());
        hkdf(secret, SALT, &[INFO, cluster.as_bytes()], &mut key);
        Self { cipher, mac: hmac(&*key) }
    }

    fn mac_of(&self, form: Form, plaintext: &[u8]) -> Hmac<Sha256> {
        let mac = self.mac.clone().chain_update(DOMAIN);
        match form {
            Form::Plain => mac.chain_update([0]),
            Form::Sealed(iv) => mac.chain_update([1]).chain_update(iv),
        }
        .chain_update(plaintext)
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    // It takes keys of any length.
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&[0; 64].into()))
}

/// The first 32 bytes of HKDF-SHA-256 (RFC 5869), by hand: the crate of that name leaves the key in
/// between on the stack.
fn hkdf(secret: &[u8], salt: &[u8], info: &[&[u8]], to: &mut [u8; 32]) {
    hmac(salt).chain_update(secret).finalize_into(to.into());
    let expand = info.iter().fold(hmac(to), |mac, part| mac.chain_update(part));
    expand.chain_update([1]).finalize_into(to.into());
}

/// What is moved leaves a copy behind. This overwrites those that calls from here have left.
#[inline(never)]
fn scrub_stack() {
    let mut stack = [u64::MAX; SCRUBBED];
    stack.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(secrets: &[&str]) -> Keyring {
        let secrets: Vec<_> = secrets.iter().map(|s| Secret(s.as_bytes().to_vec())).collect();
        Keyring::new(&secrets, None)
    }

    /// Signed in this form, and opened by another keyring.
    fn signed(form: Form, by: &Keyring) -> Vec<u8> {
        let mut plaintext = b"heartbeat::any".to_vec();
        by.sign(form, &mut plaintext);
        match form {
            Form::Plain => plaintext,
            Form::Sealed(iv) => by.seal(&plaintext, iv).expect("a secret"),
        }
    }

    fn verified(packet: &[u8], by: &Keyring) -> Option<usize> {
        let mut room = Vec::new();
        let opened = by.open(packet, &mut room).ok()?;
        let mac = opened.plaintext.last_chunk().copied().expect("a MAC");
        by.verify(&opened, &mac)
    }

    #[test]
    fn keys_are_derived_as_the_rfc_has_it() {
        // The first case of RFC 5869; the second block of its 42 bytes is left out.
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let mut key = [0; 32];
        hkdf(&[0x0b; 22], &salt, &[&info[..4], &info[4..]], &mut key);
        let expected = [
            0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36,
            0x2f, 0x2a, 0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56,
            0xec, 0xc4, 0xc5, 0xbf,
        ];
        assert_eq!(key, expected);
    }

    #[test]
    fn each_secret_verifies_what_it_signed_in_the_form_in_which_it_was_sent() {
        for form in [Form::Plain, Form::Sealed([7; 16])] {
            let packet = signed(form, &ring(&["new", "old"]));
            assert_eq!(verified(&packet, &ring(&["new"])), Some(0));
            assert_eq!(verified(&packet, &ring(&["other", "old", "new"])), Some(2));
            assert_eq!(verified(&packet, &ring(&["other"])), None);
        }
    }

    #[test]
    fn a_mac_holds_for_one_form_and_one_iv_and_one_cluster() {
        let ring = ring(&["s"]);
        let mut plaintext = b"heartbeat::any".to_vec();
        ring.sign(Form::Sealed([7; 16]), &mut plaintext);
        assert_eq!(verified(&plaintext, &ring), None);
        let resealed = ring.seal(&plaintext, [8; 16]).expect("a secret");
        assert_eq!(verified(&resealed, &ring), None);
        let secrets = [Secret(b"s".to_vec())];
        let other = Keyring::new(&secrets, Some("production"));
        assert_eq!(verified(&signed(Form::Plain, &ring), &other), None);
        assert_eq!(verified(&signed(Form::Plain, &other), &other), Some(0));
    }

    #[test]
    fn what_is_opened_by_one_secret_is_not_verified_by_another() {
        let (one, both) = (ring(&["one"]), ring(&["one", "other"]));
        let mut plaintext = b"heartbeat::any".to_vec();
        ring(&["other"]).sign(Form::Sealed([7; 16]), &mut plaintext);
        let packet = one.seal(&plaintext, [7; 16]).expect("a secret");
        assert_eq!(verified(&packet, &both), None);
    }

    #[test]
    fn a_sealed_packet_may_begin_as_a_plain_one() {
        let ring = ring(&["s"]);
        let packet = signed(Form::Sealed(*b"heartbeat::IV..."), &ring);
        assert_eq!(
            ring.open(&packet, &mut Vec::new()).map(|opened| opened.secret_index).ok(),
            Some(Some(0))
        );
    }
}
