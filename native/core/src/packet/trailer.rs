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

/// Whether these bytes are a trailer by their shape. What it says is not read yet.
pub(super) fn is_trailer(bytes: &[u8]) -> bool {
    match bytes.strip_prefix(MAGIC) {
        Some([VERSION, flags, ..]) => match *flags {
            0 => bytes.len() == LEN,
            SIGNED => bytes.len() == LEN + MAC_LEN,
            _ => false,
        },
        Some([version, ..]) => *version > VERSION,
        _ => false,
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
            assert_eq!(is_trailer(&trailer(1, 0, len)), len == 20, "{len} bytes, unsigned");
            assert_eq!(is_trailer(&trailer(1, 1, len)), len == 36, "{len} bytes, signed");
        }
    }

    #[test]
    fn unknown_flags_and_versions_before_the_first_are_no_trailer() {
        assert!(!is_trailer(&trailer(1, 2, 20)));
        assert!(!is_trailer(&trailer(1, 3, 36)));
        assert!(!is_trailer(&trailer(0, 0, 20)));
    }

    #[test]
    fn a_later_version_may_be_of_any_length() {
        assert!(is_trailer(b"NG\x02"));
        assert!(is_trailer(&trailer(2, 0xff, 300)));
        assert!(!is_trailer(b"NG"));
        assert!(!is_trailer(b"N"));
        assert!(!is_trailer(b"GN\x02"));
    }
}
