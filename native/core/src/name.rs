//! Names under which a BEAM can be a node of a cluster.

use std::{borrow::Borrow, cmp::Ordering, fmt, sync::Arc};

/// Longest name in UTF-8 bytes: the length of a SMALL_ATOM_UTF8_EXT is one byte.
const MAX_LEN: usize = 255;

/// What a BEAM that is not distributed calls itself: a name that belongs to nobody.
const NOT_ALIVE: &str = "nonode@nohost";

/// A name under which Erlang lets a node start: `[0-9A-Za-z_-]+`, one `@`, and a host of
/// characters from `!` to `ÿ` without `@`; at most 255 bytes of UTF-8.
///
/// The rule is that of `net_kernel` in OTP 25 and 27. Where a value of this type exists, the
/// name has been checked; nothing inside the engine checks it again.
///
/// Cloning allocates nothing: a known name is cloned for each heartbeat. The order is that of a digest that
/// stands in the name, so that a search in a table of names seldom reads a text; it is the same in each run, and
/// not that of the alphabet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName {
    digest: Digest,
    text: Arc<str>,
}

/// The text is not a name under which a node could start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidName;

impl NodeName {
    /// Checks `text` and makes a name of it.
    ///
    /// # Errors
    /// [`InvalidName`] where no node could start under it, `nonode@nohost` included.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        NameText::parse(text).map(Self::from)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }
}

/// The 64-bit FNV-1a hash of a name. Whoever makes up names that have the same one gains nothing: they
/// are told apart by their texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Digest(pub(crate) u64);

impl Digest {
    fn of(text: &str) -> Self {
        Self(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }
}

/// The text of a name where it stands in a packet.
#[derive(Clone, Copy)]
pub(crate) struct NameText<'a> {
    digest: Digest,
    text: &'a str,
}

impl<'a> NameText<'a> {
    /// Checks it.
    pub(crate) fn parse(text: &'a str) -> Result<Self, InvalidName> {
        let (base, host) = text.split_once('@').ok_or(InvalidName)?;
        let valid = text.len() <= MAX_LEN
            && !base.is_empty()
            && base.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            && !host.is_empty()
            && host.chars().all(|c| ('!'..='ÿ').contains(&c) && c != '@')
            && text != NOT_ALIVE;
        if valid { Ok(Self { digest: Digest::of(text), text }) } else { Err(InvalidName) }
    }

    pub(crate) fn as_str(&self) -> &'a str {
        self.text
    }
}

impl From<NameText<'_>> for NodeName {
    fn from(NameText { digest, text }: NameText<'_>) -> Self {
        Self { digest, text: text.into() }
    }
}

/// What a table of names is searched by: a name, or what a packet says. Its order is that of the names.
pub(crate) trait Key {
    fn parts(&self) -> (Digest, &str);
}

impl Key for NodeName {
    fn parts(&self) -> (Digest, &str) {
        (self.digest, &self.text)
    }
}

impl Key for NameText<'_> {
    fn parts(&self) -> (Digest, &str) {
        (self.digest, self.text)
    }
}

impl<'a> Borrow<dyn Key + 'a> for NodeName {
    fn borrow(&self) -> &(dyn Key + 'a) {
        self
    }
}

impl PartialEq for dyn Key + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Key + '_ {}

impl PartialOrd for dyn Key + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Key + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a name under which a node can start")
    }
}

impl std::error::Error for InvalidName {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_under_which_no_node_can_start_is_refused() {
        let long = format!("{}@h", "a".repeat(MAX_LEN - 1));
        for text in [
            "",
            "@",
            "app",
            "app@",
            "@host",
            "a@b@c",
            "a b@host",
            "a.b@host",
            "größe@host",
            "app@ho st",
            "app@host\n",
            "app@host\0",
            "app@hōst",
            "nonode@nohost",
            &long,
        ] {
            assert_eq!(NodeName::parse(text), Err(InvalidName), "{text:?}");
        }
    }

    #[test]
    fn every_name_that_erlang_starts_a_node_under_is_taken() {
        let longest = format!("{}@h", "a".repeat(MAX_LEN - 2));
        for text in
            ["app@host", "a-B_9@10.0.0.1", "a@hößt.de", "a@::1", "a@!ÿ", "app@nohost", &longest]
        {
            assert_eq!(NodeName::parse(text).map(|name| name.to_string()), Ok(text.to_string()));
        }
    }

    #[test]
    fn a_table_is_searched_by_a_text_in_the_order_of_its_names() {
        let with = |digest, text: &str| NodeName { digest: Digest(digest), text: text.into() };
        // The larger digest has the smaller text; and two texts have one digest.
        let names = [with(1, "d@h"), with(2, "b@h"), with(2, "c@h"), with(3, "a@h")];
        let table: BTreeSet<_> = names.iter().rev().cloned().collect();
        assert!(table.iter().eq(&names), "{table:?}");
        for name in &names {
            let text = NameText { digest: name.digest, text: &name.text };
            assert_eq!(table.get(&text as &dyn Key), Some(name));
            assert_eq!(table.get(&NameText { text: "e@h", ..text } as &dyn Key), None);
        }
        let parsed = NodeName::parse("a@h").expect("a node name");
        assert_eq!(NameText::parse("a@h").map(|text| text.parts() == parsed.parts()), Ok(true));
        let keys: [&dyn Key; 4] = names.each_ref().map(|name| name as &dyn Key);
        for (i, one) in keys.iter().enumerate() {
            for (j, other) in keys.iter().enumerate() {
                assert_eq!((one == other, one.partial_cmp(other)), (i == j, Some(i.cmp(&j))));
            }
        }
    }

    #[test]
    fn a_name_is_shown_as_its_text_and_what_type_it_has() {
        let name = NodeName::parse("a@h").expect("a node name");
        assert_eq!(format!("{name} {name:?}"), r#"a@h NodeName("a@h")"#);
    }

    #[test]
    fn a_name_that_is_refused_is_said_to_be_none() {
        assert_eq!(InvalidName.to_string(), "not a name under which a node can start");
    }
}
