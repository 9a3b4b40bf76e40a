//! A strict reader of Erlang's external term format, for terms that come from strangers.
//!
//! Nothing is built, nothing recurses, and nothing is accepted that `binary_to_term/1` of an old
//! node would refuse, because a packet that old nodes die of must not be taken here for a
//! heartbeat. Source of the format: "External Term Format" in the ERTS user's guide.

use std::borrow::Cow;

/// The first byte of every encoded term.
pub(super) const VERSION: u8 = 131;

pub(super) const MAP: u8 = 116;
pub(super) const SMALL_ATOM_UTF8: u8 = 119;
const ATOM_UTF8: u8 = 118;
const SMALL_ATOM: u8 = 115;
const ATOM: u8 = 100;
const SMALL_INTEGER: u8 = 97;
const INTEGER: u8 = 98;
const SMALL_BIG: u8 = 110;
const LARGE_BIG: u8 = 111;
const NEW_FLOAT: u8 = 70;
const BINARY: u8 = 109;
const STRING: u8 = 107;
const NIL: u8 = 106;
const LIST: u8 = 108;
const SMALL_TUPLE: u8 = 104;
const LARGE_TUPLE: u8 = 105;

/// Longest atom that a BEAM can hold, in characters.
const MAX_ATOM_CHARS: usize = 255;

/// Pairs of one map: `node` and 16 more. It bounds the comparisons by which a key that stands
/// twice is found.
const MAX_PAIRS: u32 = 17;

/// How deep the value of a pair may nest. It bounds the memory that reading takes.
const MAX_DEPTH: usize = 8;

/// The bytes are not a term that a heartbeat may hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// A term without parts, of a kind that has one value in only one form here. Only these can be
/// keys: of others it cannot be told without building them whether two are the same key, and a
/// map with the same key twice kills old nodes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scalar<'a> {
    Atom(Cow<'a, str>),
    Integer(i32),
    Binary(&'a [u8]),
}

enum Term<'a> {
    Scalar(Scalar<'a>),
    /// A number, string or empty list: of no interest, and no key.
    Other,
    /// This many terms follow as its parts.
    Compound {
        parts: u64,
        is_map: bool,
    },
}

/// The keys of one map so far. A heartbeat has one.
#[derive(Default)]
pub(super) struct Keys<'a> {
    first: Option<Scalar<'a>>,
    more: Vec<Scalar<'a>>,
}

impl<'a> Keys<'a> {
    pub(super) fn insert(&mut self, key: Scalar<'a>) -> Result<(), Malformed> {
        if self.first.as_ref() == Some(&key) || self.more.contains(&key) {
            return Err(Malformed);
        }
        match self.first {
            None => self.first = Some(key),
            Some(_) => self.more.push(key),
        }
        Ok(())
    }
}

/// A compound term of which parts are still to come.
struct Open<'a> {
    left: u64,
    is_map: bool,
    keys: Keys<'a>,
}

impl Open<'_> {
    /// Counts the part that comes now, and says whether it is a key.
    fn next_is_key(&mut self) -> bool {
        self.left -= 1;
        self.is_map && self.left % 2 == 1
    }
}

/// Reads over one term, whatever is in it.
pub(super) fn skip_term(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let mut open: Vec<Open<'_>> = Vec::new();
    loop {
        let key_of = open.last_mut().and_then(|parent| parent.next_is_key().then_some(parent));
        match (reader.term()?, key_of) {
            (Term::Scalar(key), Some(parent)) => parent.keys.insert(key)?,
            (_, Some(_)) => return Err(Malformed),
            (Term::Scalar(_) | Term::Other, None) => {}
            (Term::Compound { parts, is_map }, None) => {
                if open.len() == MAX_DEPTH {
                    return Err(Malformed);
                }
                open.push(Open { left: parts, is_map, keys: Keys::default() });
            }
        }
        while open.last().is_some_and(|parent| parent.left == 0) {
            open.pop();
        }
        if open.is_empty() {
            return Ok(());
        }
    }
}

/// A cursor that never reads past the end.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Reads the version byte and the head of a map, and returns how many pairs follow.
    pub(super) fn open_map(&mut self) -> Result<u32, Malformed> {
        if self.u8()? != VERSION || self.u8()? != MAP {
            return Err(Malformed);
        }
        self.pairs()
    }

    /// Reads a term that must be a scalar.
    pub(super) fn scalar(&mut self) -> Result<Scalar<'a>, Malformed> {
        match self.term()? {
            Term::Scalar(scalar) => Ok(scalar),
            Term::Other | Term::Compound { .. } => Err(Malformed),
        }
    }

    /// Reads a scalar whole, and of a compound term its head.
    fn term(&mut self) -> Result<Term<'a>, Malformed> {
        let compound = |parts: u64| Term::Compound { parts, is_map: false };
        Ok(match self.u8()? {
            SMALL_ATOM_UTF8 => Term::Scalar(Self::utf8_atom(self.prefixed_u8()?)?),
            ATOM_UTF8 => Term::Scalar(Self::utf8_atom(self.prefixed_u16()?)?),
            SMALL_ATOM => Term::Scalar(Self::latin1_atom(self.prefixed_u8()?)?),
            ATOM => Term::Scalar(Self::latin1_atom(self.prefixed_u16()?)?),
            SMALL_INTEGER => Term::Scalar(Scalar::Integer(self.u8()?.into())),
            INTEGER => Term::Scalar(Scalar::Integer(i32::from_be_bytes(self.array()?))),
            BINARY => Term::Scalar(Scalar::Binary(self.prefixed_u32()?)),
            SMALL_BIG => {
                let len = self.u8()?;
                self.big_integer(len.into())?
            }
            LARGE_BIG => {
                let len = self.u32()?;
                self.big_integer(len)?
            }
            NEW_FLOAT => {
                let float = f64::from_be_bytes(self.array()?);
                if float.is_finite() { Term::Other } else { return Err(Malformed) }
            }
            STRING => {
                self.prefixed_u16()?;
                Term::Other
            }
            NIL => Term::Other,
            // The parts of a list are its elements and its tail. An empty one is sent as NIL.
            LIST => match self.u32()? {
                0 => return Err(Malformed),
                elements => compound(u64::from(elements) + 1),
            },
            SMALL_TUPLE => compound(self.u8()?.into()),
            LARGE_TUPLE => compound(self.u32()?.into()),
            MAP => Term::Compound { parts: 2 * u64::from(self.pairs()?), is_map: true },
            _ => return Err(Malformed),
        })
    }

    fn pairs(&mut self) -> Result<u32, Malformed> {
        self.u32().and_then(|pairs| if pairs <= MAX_PAIRS { Ok(pairs) } else { Err(Malformed) })
    }

    fn big_integer(&mut self, len: u32) -> Result<Term<'a>, Malformed> {
        let negative = self.u8()?;
        let magnitude = self.take(len)?;
        if magnitude.is_empty() || negative > 1 { Err(Malformed) } else { Ok(Term::Other) }
    }

    fn utf8_atom(bytes: &'a [u8]) -> Result<Scalar<'a>, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
        Self::atom(text.into())
    }

    fn latin1_atom(bytes: &'a [u8]) -> Result<Scalar<'a>, Malformed> {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => Self::atom(text.into()),
            _ => Self::atom(bytes.iter().copied().map(char::from).collect()),
        }
    }

    fn atom(text: Cow<'a, str>) -> Result<Scalar<'a>, Malformed> {
        if text.chars().count() <= MAX_ATOM_CHARS { Ok(Scalar::Atom(text)) } else { Err(Malformed) }
    }

    fn prefixed_u8(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.u8()?;
        self.take(len.into())
    }

    fn prefixed_u16(&mut self) -> Result<&'a [u8], Malformed> {
        let len = u16::from_be_bytes(self.array()?);
        self.take(len.into())
    }

    fn prefixed_u32(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.u32()?;
        self.take(len)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, len: u32) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(len).map_err(|_| Malformed)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
