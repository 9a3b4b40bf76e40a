use super::*;

/// How many bytes are left where this is one term.
fn skipped(bytes: &[u8]) -> Result<usize, Malformed> {
    let mut reader = Reader::new(bytes);
    skip_term(&mut reader)?;
    Ok(reader.rest().len())
}

/// A map with these pairs.
fn map(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
    let count = u8::try_from(pairs.len()).expect("few");
    let head = vec![MAP, 0, 0, 0, count];
    pairs.iter().fold(head, |map, (key, value)| [&map, *key, *value].concat())
}

fn scalar(bytes: &[u8]) -> Result<Scalar<'_>, Malformed> {
    Reader::new(bytes).scalar()
}

#[test]
fn every_other_part_of_a_map_is_a_key_and_what_cannot_be_one_may_be_a_value() {
    let keys: Vec<_> = (0..17).map(|n| [SMALL_INTEGER, n]).collect();
    for count in 0..=keys.len() {
        let pairs: Vec<_> = keys[..count].iter().map(|key| (&key[..], &[NIL][..])).collect();
        assert_eq!(skipped(&map(&pairs)), Ok(0), "{count}");
        for at in 0..count {
            let mut pairs = pairs.clone();
            pairs[at].0 = &[NIL];
            assert_eq!(skipped(&map(&pairs)), Err(Malformed), "{at} of {count}");
        }
    }
}

#[test]
fn a_latin_1_atom_is_read_as_latin_1_even_where_its_bytes_are_utf_8() {
    let bytes = "ö".as_bytes();
    let atom = |tag, len: &[u8]| [&[tag], len, bytes].concat();
    for (form, text) in [
        (atom(SMALL_ATOM, &[2]), "Ã¶"),
        (atom(ATOM, &[0, 2]), "Ã¶"),
        (atom(SMALL_ATOM_UTF8, &[2]), "ö"),
        (atom(ATOM_UTF8, &[0, 2]), "ö"),
    ] {
        assert_eq!(scalar(&form), Ok(Scalar::Atom(text.into())), "{form:?}");
    }
}

#[test]
fn an_atom_has_at_most_255_characters() {
    for (tag, char, width) in [(ATOM_UTF8, "ö", 2u16), (ATOM, "o", 1)] {
        for chars in [255, 256] {
            let len = (chars * width).to_be_bytes();
            let atom = [&[tag], &len[..], char.repeat(chars.into()).as_bytes()].concat();
            assert_eq!(scalar(&atom).is_ok(), chars == 255, "{chars} of {tag}");
        }
    }
}
