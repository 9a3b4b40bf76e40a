//! Histories of signed heartbeats, written and signed by hand.
//!
//! The first byte of the input is the configuration. Each further one is a step: its low three bits
//! say of what kind, the other five which of that kind.

use std::{net::IpAddr, sync::LazyLock, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use native_gossip_core::{
    Authentication, Config, Engine, NodeName, Now, Received, Secret, Time, WallTime,
    packet::{self, Keyring},
    trust::Acceptance,
};
use sha2::{Digest, Sha256};

use super::{
    acceptance::{Believer, Heartbeat},
    dice::Dice,
    sealing::{IV, open, seal, secrets},
};

const MAX_STEPS: usize = 64;
const CLUSTER: &str = "production";
const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

/// When histories begin, by our own clock.
const START: u64 = 1_790_000_000_000;

/// How clocks are set forward or back, in milliseconds: around the bounds, and far.
const STEPS: [i64; 16] = [
    1,
    -1,
    29_999,
    30_001,
    -30_001,
    31_000,
    59_999,
    60_000,
    60_001,
    -60_000,
    -60_001,
    90_000,
    -780_000,
    7_200_000,
    -1_790_000_000_000,
    1_000_000_000_000,
];

/// How many numbers are left out.
const GAPS: [u32; 8] = [1, 2, 3, 62, 63, 64, 65, 1_000_000];

/// Whatever is sent, what becomes of it is what the table of acceptance says.
pub fn trailer(input: &[u8]) {
    let Some((choice, mut script)) = input.split_first() else { return };
    let mut trial = Trial::new(*choice);
    for _ in 0..MAX_STEPS {
        let Some((step, rest)) = script.split_first() else { return };
        script = rest;
        trial.step(step & 7, usize::from(step >> 3), &mut script);
    }
}

/// A node that sends.
#[derive(Clone)]
struct Sender {
    name: usize,
    id: u64,
    seq: u32,
    /// Its clock less the time.
    clock: i64,
}

struct Trial {
    is_required: bool,
    is_sealed: bool,
    key: &'static Key,
    engine: Engine<Dice>,
    believer: Believer,
    time: u64,
    /// Our clock less the time.
    clock: i64,
    /// What it showed less the time, at our last heartbeat.
    offset_sent: Option<i128>,
    /// When echoes were made void, which happens once a minute at most.
    renewed_at: Option<u64>,
    seq: u32,
    senders: Vec<Sender>,
    ids: u64,
    sent: Vec<(Vec<u8>, Heartbeat)>,
}

impl Trial {
    fn new(choice: u8) -> Self {
        let (is_required, is_sealed) = (choice & 1 == 1, choice & 2 == 2);
        let key = if choice & 4 == 4 { &*LABELLED } else { &*UNLABELLED };
        let config = Config {
            secrets: key.secrets.clone(),
            seal: is_sealed,
            authentication: match is_required {
                true => Authentication::Required,
                false => Authentication::Compatible,
            },
            cluster: (choice & 4 == 4).then(|| CLUSTER.to_owned()),
            heartbeat_interval: Duration::from_millis(1),
            max_peers: 8,
            ..Config::default()
        };
        let mut engine = Engine::new(config, Dice::new(0));
        engine.set_identity(Time::ZERO, Some(name(US)));
        let sender = |n: usize| Sender { name: n / 2, id: 1000 + n as u64, seq: 0, clock: 0 };
        let mut trial = Self {
            is_required,
            is_sealed,
            key,
            engine,
            believer: Believer::new(is_required, 0),
            time: 0,
            clock: START as i64,
            offset_sent: None,
            renewed_at: None,
            seq: 0,
            senders: (0..4).map(sender).collect(),
            ids: 2000,
            sent: Vec::new(),
        };
        trial.senders.iter_mut().for_each(|sender| sender.clock = trial.clock);
        trial.beat();
        trial
    }

    fn step(&mut self, kind: u8, which: usize, script: &mut &[u8]) {
        let place = which % self.senders.len();
        let choice = which / self.senders.len();
        match kind {
            0 => self.time += [1, 10, 300, 1999, 2000, 2001, 59_999, 60_001, 121_000][which % 9],
            1 if which < 16 => self.clock += STEPS[which],
            1 => {
                let mut bytes = script.iter().copied();
                let step = STEPS[usize::from(bytes.next().unwrap_or(0) % 16)];
                self.senders[place].clock += step;
                *script = script.get(1..).unwrap_or_default();
            }
            2 => self.send(place, choice),
            3 => {
                self.senders[place].seq =
                    self.senders[place].seq.saturating_add(GAPS[choice % GAPS.len()]);
                self.send(place, 0);
            }
            4 => self.replay(which),
            5 => self.corrupt(which, script),
            6 if which < 16 => self.beat(),
            6 => self.restart(place, choice),
            _ => self.hear_unsigned(which % 3),
        }
    }

    fn now(&self) -> Now {
        let time = Time::after(Duration::from_millis(self.time));
        Now { time, wall: WallTime::from_millis(shown(self.time, self.clock)) }
    }

    /// Another heartbeat. `form` has what is unusual of it.
    fn send(&mut self, place: usize, form: usize) {
        let sender = &mut self.senders[place];
        sender.seq = sender.seq.saturating_add(1);
        let Sender { name, id, seq, clock } = *sender;
        let echoes = match form {
            1 => vec![self.believer.us],
            2 => vec![1, 2, 3, 4, 5, 6, 7, self.believer.us],
            3 => vec![1],
            _ => Vec::new(),
        };
        let (flags, later): (u8, &[u8]) = match form {
            4 => (0b1111_1101, b"later"),
            5 => (0b0000_0011, b""),
            _ => (1, b""),
        };
        let version = if form == 6 { 2 } else { 1 };
        let stamp = shown(self.time, clock);
        let mut heartbeat = Heartbeat { name, id, seq, stamp, echoes, mac: [0; 16] };
        let packet = self.key.packet(&mut heartbeat, [version, flags], later, self.is_sealed);
        self.hear(&packet, &heartbeat);
        self.sent.push((packet, heartbeat));
    }

    fn replay(&mut self, which: usize) {
        if let Some(place) = self.sent.len().checked_sub(1 + which) {
            let (packet, heartbeat) = self.sent[place].clone();
            self.hear(&packet, &heartbeat);
        }
    }

    fn hear(&mut self, packet: &[u8], heartbeat: &Heartbeat) {
        let now = self.now();
        let expected = self.believer.hear(self.time, now.wall.millis(), heartbeat);
        match (self.engine.receive(now, SOURCE, packet), expected) {
            (Received::Copy(taken), Ok(Acceptance::Copy)) => {
                assert_eq!(taken.node, name(heartbeat.name));
            }
            (Received::Peer(taken), Ok(acceptance)) => {
                assert!(acceptance != Acceptance::Copy, "{heartbeat:?}");
                assert_eq!(taken.node, name(heartbeat.name));
                let claim = taken.claim.expect("signed");
                let signed = (claim.signed.incarnation, claim.signed.seq);
                assert_eq!(signed, (heartbeat.id, heartbeat.seq));
                assert_eq!((claim.stamp.millis(), claim.mac), (heartbeat.stamp, heartbeat.mac));
                assert_eq!(*claim.signed.echoes, *heartbeat.echoes);
            }
            (Received::Refused(cause), Err(expected)) => assert_eq!(cause, expected),
            (received, expected) => unreachable!("{received:?}, not {expected:?}"),
        }
    }

    /// A flipped bit, or an end cut off: nothing of it is believed.
    fn corrupt(&mut self, which: usize, script: &mut &[u8]) {
        let Some((mut packet, _)) = self.sent.last().cloned() else { return };
        let Some(([high, low], rest)) = script.split_first_chunk() else { return };
        *script = rest;
        let bit = usize::from(u16::from_be_bytes([*high, *low])) % (packet.len() * 8);
        match which {
            0 => packet.truncate(bit / 8),
            _ => packet[bit / 8] ^= 1 << (bit % 8),
        }
        if let Received::Peer(taken) | Received::Copy(taken) =
            self.engine.receive(self.now(), SOURCE, &packet)
        {
            // As one of another version, or of none, which anybody may have sent.
            assert!(!self.is_required && taken.claim.is_none(), "bit {bit}: {taken:?}");
        }
    }

    /// A sender starts again; or another begins to send under its name, as a machine of its snapshot or
    /// as another BEAM.
    fn restart(&mut self, place: usize, choice: usize) {
        self.ids += 1;
        let mut other = self.senders[place].clone();
        if choice != 6 {
            (other.id, other.seq) = (self.ids, 0);
        }
        let at = (place + usize::from(choice > 4)) % self.senders.len();
        self.senders[at] = other;
    }

    fn hear_unsigned(&mut self, of: usize) {
        let mut plain = packet::encode(&name(of), &Keyring::default(), [0; 16]);
        if self.is_sealed {
            [plain, _] = seal(&plain);
        }
        let received = self.engine.receive(self.now(), SOURCE, &plain);
        match self.believer.hear_unsigned(self.time, of) {
            Ok(()) => assert!(matches!(received, Received::Peer(_)), "{received:?}"),
            Err(cause) => assert_eq!(received, Received::Refused(cause)),
        }
    }

    /// Our next heartbeat, when it is due.
    fn beat(&mut self) {
        let due = self.engine.deadline().expect("it is alive").since_zero();
        self.time = self.time.max(due.as_nanos().div_ceil(1_000_000) as u64);
        let now = self.now();
        let packet = self.engine.heartbeat(now).expect("it is due");
        let plaintext = if self.is_sealed { open(&packet) } else { packet.clone() };
        let trailer_at = packet::encode(&name(US), &Keyring::default(), [0; 16]).len();
        let trailer = &plaintext[trailer_at..];
        let count = usize::from(trailer[33]);
        let len = 50 + 8 * count;
        assert_eq!(trailer[..5], [b'N', b'G', 1, 1, len as u8]);
        assert_eq!((trailer.len(), trailer[5..13].to_vec()), (len, be(now.wall.millis())));
        assert_eq!(trailer[13..21], self.key.label);
        let iv = self.is_sealed.then(|| &packet[..16]);
        let (signed, mac) = plaintext.split_last_chunk::<16>().expect("a MAC");
        assert_eq!(*mac, self.key.mac(iv, signed));

        let number = |at: usize| u64::from_be_bytes(trailer[at..at + 8].try_into().expect("8"));
        let echoes: Vec<_> = (0..count).map(|n| number(34 + 8 * n)).collect();
        let (us, seq) = (number(21), (number(25) & 0xffff_ffff) as u32);
        let offset = i128::from(now.wall.millis()) - i128::from(self.time);
        let has_stepped = self.offset_sent.is_some_and(|before| (offset - before).abs() > 30_000);
        let is_renewed = self.believer.spent == Some(self.believer.us)
            && self.renewed_at.is_none_or(|at| self.time - at >= 60_000);
        if is_renewed {
            self.renewed_at = Some(self.time);
        }
        let has_stepped = has_stepped || is_renewed;
        self.seq = if has_stepped || self.offset_sent.is_none() { 1 } else { self.seq + 1 };
        assert_eq!(seq, self.seq);
        if self.offset_sent.is_some() {
            assert_eq!(us != self.believer.us, has_stepped);
        }
        if has_stepped {
            for of in 0..2 {
                let latest = self.believer.latest(of);
                assert!(latest.is_empty() || latest.iter().any(|id| echoes.contains(id)));
            }
            self.believer.wanted.clear();
        }
        let wanted = self.believer.wanted.len().min(8);
        assert!(self.believer.wanted.drain(..wanted).eq(echoes[..wanted].iter().copied()));
        (self.believer.us, self.offset_sent) = (us, Some(offset));
        assert_eq!(self.engine.receive(now, SOURCE, &packet), Received::Echo);
    }
}

const US: usize = 9;

fn name(number: usize) -> NodeName {
    NodeName::parse(&format!("n{number}@h")).expect("a node name")
}

/// What a clock shows that cannot show what was before 1970.
fn shown(time: u64, clock: i64) -> u64 {
    time.saturating_add_signed(clock)
}

fn be(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// The MAC key of the first secret, in a cluster.
struct Key {
    secrets: Vec<Secret>,
    label: [u8; 8],
    mac: Hmac<Sha256>,
}

static UNLABELLED: LazyLock<Key> = LazyLock::new(|| Key::new("", [0; 8]));

static LABELLED: LazyLock<Key> = LazyLock::new(|| {
    let digest = Sha256::digest(CLUSTER);
    Key::new(CLUSTER, digest[..8].try_into().expect("8 bytes"))
});

impl Key {
    fn new(cluster: &str, label: [u8; 8]) -> Self {
        let secrets = secrets();
        let extracted = hmac(b"native_gossip").chain_update(&secrets[0].0).finalize().into_bytes();
        let info = [b"heartbeat mac 1\0", cluster.as_bytes(), &[1]].concat();
        let expanded = hmac(&extracted).chain_update(info).finalize().into_bytes();
        Self { secrets, label, mac: hmac(&expanded) }
    }

    fn mac(&self, iv: Option<&[u8]>, plaintext: &[u8]) -> [u8; 16] {
        let mac = self.mac.clone().chain_update(b"native_gossip heartbeat 1");
        let mac = match iv {
            None => mac.chain_update([0]),
            Some(iv) => mac.chain_update([1]).chain_update(iv),
        };
        let whole = mac.chain_update(plaintext).finalize().into_bytes();
        whole[..16].try_into().expect("16 bytes")
    }

    /// The packet of a heartbeat, whose MAC is noted in it.
    fn packet(&self, of: &mut Heartbeat, head: [u8; 2], later: &[u8], is_sealed: bool) -> Vec<u8> {
        let mut plaintext = packet::encode(&name(of.name), &Keyring::default(), [0; 16]);
        let len = 50 + 8 * of.echoes.len() + later.len();
        plaintext.extend([b'N', b'G', head[0], head[1], len as u8]);
        plaintext.extend(be(of.stamp));
        plaintext.extend(self.label);
        plaintext.extend(be(of.id));
        plaintext.extend(of.seq.to_be_bytes());
        plaintext.push(of.echoes.len() as u8);
        of.echoes.iter().for_each(|echo| plaintext.extend(be(*echo)));
        plaintext.extend(later);
        of.mac = self.mac(is_sealed.then_some(&IV), &plaintext);
        plaintext.extend(of.mac);
        if is_sealed {
            [plaintext, _] = seal(&plaintext);
        }
        plaintext
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key of any length")
}
