//! What may follow the term: a trailer, which old nodes do not read.
//!
//! ```text
//! "NG" | version 1 (1 byte) | flags (1) | length of the whole trailer (1) | stamp, u64 (8) | label (8)
//! where signed:  incarnation (8) | seq, u32 (4) | n (1) | n echoes of 8 bytes, n <= 8
//!                | fields of later times | MAC (16)
//! ```
//!
//! Numbers are big-endian. Bit 0 of the flags says that it is signed, bit 1 that the node leaves.
//! Where it is signed, other bits and later fields are read over, because the MAC covers them.

use std::ops::Deref;

use sha2::{Digest, Sha256};

use super::etf::Malformed;
use crate::WallTime;

const MAGIC: &[u8; 2] = b"NG";
const VERSION: u8 = 1;
const SIGNED: u8 = 1;
const LEAVING: u8 = 2;
/// Bytes of a trailer with a label alone.
const LEN: usize = 2 + 1 + 1 + 1 + 8 + 8;
const MAC_LEN: usize = 16;

/// Echoes that one heartbeat has room for: with them a trailer has 114 bytes.
pub const MAX_ECHOES: usize = 8;

/// Incarnations that a heartbeat echoes: at most eight, and those after them are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EchoList {
    ids: [u64; MAX_ECHOES],
    count: usize,
}

impl FromIterator<u64> for EchoList {
    fn from_iter<I: IntoIterator<Item = u64>>(ids: I) -> Self {
        let mut echoes = Self::default();
        for (place, id) in echoes.ids.iter_mut().zip(ids) {
            *place = id;
            echoes.count += 1;
        }
        echoes
    }
}

impl Deref for EchoList {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        self.ids.get(..self.count).unwrap_or_default()
    }
}

/// The first half of an HMAC-SHA-256.
pub type Mac = [u8; MAC_LEN];

/// Which cluster a heartbeat is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label(pub [u8; 8]);

impl Label {
    /// The label of the cluster of this name: the first bytes of its SHA-256. Zeros where there is none.
    pub fn of(cluster: Option<&str>) -> Self {
        let digest = cluster.map(|cluster| Sha256::digest(cluster.as_bytes()));
        let first = digest.and_then(|digest| digest.first_chunk().copied());
        Self(first.unwrap_or_default())
    }
}

/// What a trailer says, but for its MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Whether the node is about to stop.
    pub is_leaving: bool,
    /// When it was sent, by the sender's wall clock.
    pub stamp: WallTime,
    /// The cluster that it is for.
    pub label: Label,
    /// Where a MAC follows.
    pub signed: Option<Signed>,
}

/// What only a signed trailer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Of the sender: random, and new at each start.
    pub incarnation: u64,
    /// Counts the heartbeats of the incarnation, from 1.
    pub seq: u32,
    /// Incarnations of others whose clocks differ from the sender's.
    pub echoes: EchoList,
}

/// What follows the term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    Nothing,
    Trailer(Trailer, Option<Mac>),
    /// A trailer of a later version, which may be of any form. Where it has the form of this one and
    /// a MAC, that is here.
    Later(Option<(Trailer, Mac)>),
}

impl Tail {
    /// Reads all the bytes that follow the term.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        match bytes {
            [] => Ok(Self::Nothing),
            [b'N', b'G', VERSION, ..] => {
                let (trailer, mac) = read(bytes).ok_or(Malformed)?;
                Ok(Self::Trailer(trailer, mac))
            }
            [b'N', b'G', version, ..] if *version > VERSION => {
                let known = read(bytes).and_then(|(trailer, mac)| Some((trailer, mac?)));
                Ok(Self::Later(known))
            }
            _ => Err(Malformed),
        }
    }
}

impl Trailer {
    /// Appends it to a heartbeat. Where it is signed the MAC is to follow.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let more = |signed: &Signed| 8 + 4 + 1 + 8 * signed.echoes.len() + MAC_LEN;
        let len = LEN + self.signed.as_ref().map_or(0, more);
        let flags = if self.signed.is_some() { SIGNED } else { 0 }
            | if self.is_leaving { LEAVING } else { 0 };
        to.extend(MAGIC);
        // At most 114 bytes.
        to.extend([VERSION, flags, u8::try_from(len).unwrap_or(u8::MAX)]);
        to.extend(self.stamp.millis().to_be_bytes());
        to.extend(self.label.0);
        if let Some(signed) = &self.signed {
            to.extend(signed.incarnation.to_be_bytes());
            to.extend(signed.seq.to_be_bytes());
            to.push(u8::try_from(signed.echoes.len()).unwrap_or(u8::MAX));
            signed.echoes.iter().for_each(|echo| to.extend(echo.to_be_bytes()));
        }
    }
}

/// Reads a trailer whose version is not looked at. `None` where it has another form.
fn read(bytes: &[u8]) -> Option<(Trailer, Option<Mac>)> {
    let ([_, _, _, flags, len], rest) = bytes.split_first_chunk()?;
    if usize::from(*len) != bytes.len() {
        return None;
    }
    let (stamp, rest) = rest.split_first_chunk()?;
    let (label, rest) = rest.split_first_chunk()?;
    let (signed, mac) = if flags & SIGNED == 0 {
        // Nothing vouches for what is not known of.
        (rest.is_empty() && flags & !LEAVING == 0).then_some((None, None))?
    } else {
        let (rest, mac) = rest.split_last_chunk()?;
        let (incarnation, rest) = rest.split_first_chunk()?;
        let (seq, rest) = rest.split_first_chunk()?;
        let ([count], rest) = rest.split_first_chunk()?;
        let count = Some(usize::from(*count)).filter(|count| *count <= MAX_ECHOES)?;
        let echoes = rest.as_chunks::<8>().0.get(..count)?;
        let signed = Signed {
            incarnation: u64::from_be_bytes(*incarnation),
            seq: u32::from_be_bytes(*seq),
            echoes: echoes.iter().map(|echo| u64::from_be_bytes(*echo)).collect(),
        };
        (Some(signed), Some(*mac))
    };
    let stamp = WallTime::from_millis(u64::from_be_bytes(*stamp));
    Some((Trailer { is_leaving: flags & LEAVING != 0, stamp, label: Label(*label), signed }, mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailer(echoes: usize) -> Trailer {
        let echoes = (0..echoes as u64).map(|n| 0x0102_0304_0506_0708 + n).collect();
        let signed = Signed { incarnation: 0x1112_1314_1516_1718, seq: 0x2122_2324, echoes };
        Trailer {
            is_leaving: false,
            stamp: WallTime::from_millis(0x3132_3334_3536_3738),
            label: Label([0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48]),
            signed: Some(signed),
        }
    }

    fn unsigned() -> Trailer {
        Trailer { signed: None, ..trailer(0) }
    }

    fn bytes(trailer: &Trailer) -> Vec<u8> {
        let mut bytes = Vec::new();
        trailer.write(&mut bytes);
        if trailer.signed.is_some() {
            bytes.extend([0xee; MAC_LEN]);
        }
        bytes
    }

    /// The bytes of a signed trailer, changed, with the length byte set right again.
    fn changed(echoes: usize, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = bytes(&trailer(echoes));
        change(&mut bytes);
        bytes[4] = u8::try_from(bytes.len()).expect("short");
        bytes
    }

    fn mac() -> Option<Mac> {
        Some([0xee; MAC_LEN])
    }

    #[test]
    fn a_trailer_is_written_to_the_byte() {
        let label = b"NG\x01\x00\x1512345678ABCDEFGH";
        assert_eq!(bytes(&unsigned()), label);
        let leaving = Trailer { is_leaving: true, ..trailer(1) };
        let mut expected = b"NG\x01\x03\x3a12345678ABCDEFGH".to_vec();
        expected.extend(b"\x11\x12\x13\x14\x15\x16\x17\x18\x21\x22\x23\x24\x01");
        expected.extend(b"\x01\x02\x03\x04\x05\x06\x07\x08");
        expected.extend([0xee; MAC_LEN]);
        assert_eq!(bytes(&leaving), expected);
        assert_eq!((bytes(&unsigned()).len(), bytes(&trailer(0)).len()), (21, 50));
    }

    #[test]
    fn what_is_written_is_read_and_of_echoes_eight() {
        for echoes in 0..=MAX_ECHOES {
            let (trailer, bytes) = (trailer(echoes), bytes(&trailer(echoes)));
            assert_eq!(Tail::parse(&bytes), Ok(Tail::Trailer(trailer, mac())), "{echoes}");
        }
        assert_eq!(bytes(&trailer(9)), bytes(&trailer(8)));
        assert_eq!(Tail::parse(&bytes(&unsigned())), Ok(Tail::Trailer(unsigned(), None)));
    }

    #[test]
    fn a_trailer_of_another_length_than_it_says_is_none() {
        for whole in [bytes(&unsigned()), bytes(&trailer(0)), bytes(&trailer(8))] {
            for len in 1..whole.len() {
                assert_eq!(Tail::parse(&whole[..len]), Err(Malformed), "{len} bytes");
            }
            for len in 0..=u8::MAX {
                let mut other = whole.clone();
                other[4] = len;
                let is_right = usize::from(len) == whole.len();
                assert_eq!(Tail::parse(&other).is_ok(), is_right, "{len}");
            }
        }
    }

    #[test]
    fn a_signed_trailer_has_room_for_the_echoes_that_it_counts() {
        for count in 0..=u8::MAX {
            let parsed = Tail::parse(&changed(3, |bytes| bytes[33] = count));
            assert_eq!(parsed.is_ok(), count <= 3, "{count}");
        }
        assert!(Tail::parse(&changed(0, |bytes| bytes.truncate(49))).is_err());
        let nine = changed(8, |bytes| {
            bytes[33] = 9;
            bytes.extend([0; 8]);
        });
        assert_eq!(Tail::parse(&nine), Err(Malformed));
    }

    #[test]
    fn later_fields_and_flags_are_read_over_where_there_is_a_mac() {
        let later = changed(1, |bytes| {
            bytes[3] |= 0xfc;
            let at = bytes.len() - MAC_LEN;
            bytes.splice(at..at, [7; 100]);
        });
        assert_eq!(Tail::parse(&later), Ok(Tail::Trailer(trailer(1), mac())));
        let mut more = bytes(&unsigned());
        more.push(0);
        more[4] += 1;
        assert_eq!(Tail::parse(&more), Err(Malformed));
        for flags in 0..=u8::MAX {
            let mut bytes = bytes(&unsigned());
            bytes[3] = flags;
            assert_eq!(Tail::parse(&bytes).is_ok(), flags & !LEAVING == 0, "{flags}");
        }
    }

    /// 300 bytes, of which the length byte can say 44 at most. The rest has the form of a signed one.
    fn longer_than_it_says(version: u8) -> Vec<u8> {
        [&[b'N', b'G', version, SIGNED, 44][..], &[0; 295]].concat()
    }

    #[test]
    fn a_later_version_may_be_of_any_form_and_no_version_is_before_the_first() {
        for version in 2..=u8::MAX {
            let as_this = changed(2, |bytes| bytes[2] = version);
            assert_eq!(Tail::parse(&as_this), Ok(Tail::Later(Some((trailer(2), [0xee; 16])))));
            assert_eq!(Tail::parse(&[b'N', b'G', version]), Ok(Tail::Later(None)));
            let mut unsigned = bytes(&unsigned());
            unsigned[2] = version;
            assert_eq!(Tail::parse(&unsigned), Ok(Tail::Later(None)));
            assert_eq!(Tail::parse(&longer_than_it_says(version)), Ok(Tail::Later(None)));
        }
        assert_eq!(Tail::parse(&longer_than_it_says(VERSION)), Err(Malformed));
        assert_eq!(Tail::parse(&changed(0, |bytes| bytes[2] = 0)), Err(Malformed));
        for none in [&b"NG"[..], b"N", b"GN\x02", b"ng\x01"] {
            assert_eq!(Tail::parse(none), Err(Malformed), "{none:?}");
        }
    }

    #[test]
    fn a_label_is_the_beginning_of_a_hash_and_of_no_cluster_zeros() {
        assert_eq!(Label::of(None), Label([0; 8]));
        // SHA-256("abc"), of FIPS 180-2.
        let abc = Label([0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea]);
        assert_eq!(Label::of(Some("abc")), abc);
    }
}
