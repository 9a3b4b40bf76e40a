//! What may follow the term: a trailer, which old nodes do not read.
//!
//! ```text
//! "NG" | version (1 byte) | flags (1) | stamp, u64 big-endian (8) | label (8) | MAC (16)
//! ```
//!
//! The MAC is there where bit 0 of the flags says so. A later version may be of another shape
//! behind its version byte.

const MAGIC: &[u8] = b"NG";
const VERSION: u8 = 1;
const SIGNED: u8 = 1;
const LEN: usize = 2 + 1 + 1 + 8 + 8;
const MAC_LEN: usize = 16;

/// A trailer, as far as it is read: its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// 1, or that of a later sender.
    pub version: u8,
    /// Whether it ends in a MAC; of a later version that is not known, and false.
    pub has_mac: bool,
}

impl Trailer {
    /// Reads the bytes that follow the term. `None` where they are no trailer.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.strip_prefix(MAGIC)? {
            [VERSION, 0, ..] if bytes.len() == LEN => {
                Some(Self { version: VERSION, has_mac: false })
            }
            [VERSION, SIGNED, ..] if bytes.len() == LEN + MAC_LEN => {
                Some(Self { version: VERSION, has_mac: true })
            }
            [version, ..] if *version > VERSION => Some(Self { version: *version, has_mac: false }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailer(version: u8, flags: u8, len: usize) -> Vec<u8> {
        let mut bytes = vec![b'N', b'G', version, flags];
        bytes.resize(len, 0xa5);
        bytes
    }

    #[test]
    fn a_trailer_has_the_length_that_its_flags_say() {
        for len in 4..64 {
            let unsigned = (len == 20).then_some(Trailer { version: 1, has_mac: false });
            let signed = (len == 36).then_some(Trailer { version: 1, has_mac: true });
            assert_eq!(Trailer::parse(&trailer(1, 0, len)), unsigned, "{len} bytes, unsigned");
            assert_eq!(Trailer::parse(&trailer(1, 1, len)), signed, "{len} bytes, signed");
        }
    }

    #[test]
    fn unknown_flags_and_versions_before_the_first_are_no_trailer() {
        for none in [trailer(1, 2, 20), trailer(1, 3, 36), trailer(0, 0, 20)] {
            assert_eq!(Trailer::parse(&none), None, "{none:?}");
        }
    }

    #[test]
    fn a_later_version_may_be_of_any_length() {
        let later = |version| Some(Trailer { version, has_mac: false });
        assert_eq!(Trailer::parse(b"NG\x02"), later(2));
        assert_eq!(Trailer::parse(&trailer(0xff, 0xff, 300)), later(0xff));
        for none in [&b"NG"[..], b"N", b"", b"GN\x02"] {
            assert_eq!(Trailer::parse(none), None, "{none:?}");
        }
    }
}
