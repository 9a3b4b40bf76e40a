//! Sequences of whatever may happen to an engine.
//!
//! The first byte of the input is the configuration. Each further one is a step: its low three bits
//! say of what kind, the other five which of that kind.

use std::{net::IpAddr, time::Duration};

use native_gossip_core::{
    Config, Engine, NodeName, Received, Refusal, Report, Time, budget::MAX_DATAGRAM,
};

use super::{
    cast::{Cast, FORGED, KNOWN, SEALED_CAST, UNSEALED_CAST, plain},
    dice::Dice,
    model::{Model, dials_first},
    packet::verdict,
    sealing::open,
};

/// Steps of one sequence; short, because a long one finds no more and costs many short ones.
const MAX_STEPS: usize = 64;

/// Below and above the bounds that matter: fresh attempts, the part of one source, all attempts.
const MAX_PEERS: [usize; 8] = [1, 2, 3, 8, 17, 20, 40, 300];

/// Names of one flood. Few of them are large: those take long to try.
const FLOODS: [usize; 8] = [1, 2, 3, 4, 5, 8, 16, 32];

/// Between two heartbeats of which one is asked for again, for a list that may forget.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// The gap within a burst of heartbeats.
const BURST_GAP: Duration = Duration::from_millis(500);

/// Whatever happens, and whenever: the rules of the design hold after each step.
pub fn engine(input: &[u8]) {
    let mut script = Script(input);
    let mut trial = Trial::new(script.byte());
    for _ in 0..MAX_STEPS {
        if script.0.is_empty() {
            break;
        }
        trial.step(&mut script);
        trial.announce();
        trial.check();
    }
}

struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

struct Trial {
    cast: &'static Cast,
    engine: Engine<Dice>,
    /// One of the same configuration that is not alive: it says what a packet is, whoever hears it.
    reader: Option<Engine<Dice>>,
    model: Model,
    now: Time,
    interval: Duration,
    identity: Option<usize>,
    /// The host that sends.
    source: IpAddr,
    forged: usize,
    /// Names that floods may still bring.
    forgeable: usize,
    heard: u64,
    accepted: u64,
    echoed: u64,
    announced: u64,
    /// Our last heartbeat, and under which name it was sent.
    own: Vec<u8>,
    own_name: Option<usize>,
    sent: u64,
}

impl Trial {
    fn new(choice: u8) -> Self {
        let cast = if choice & 1 == 0 { &*UNSEALED_CAST } else { &*SEALED_CAST };
        let max_peers = MAX_PEERS[usize::from(choice >> 1 & 7)];
        let (dice, refresh_interval) = match choice >> 4 & 3 {
            0 => (0, None),
            1 => (u64::MAX, None),
            2 => (0x9e37_79b9_7f4a_7c15, None),
            _ => (0x9e37_79b9_7f4a_7c15, Some(REFRESH_INTERVAL)),
        };
        let interval = match choice >> 6 {
            0 => Duration::from_millis(1),
            1 => Duration::from_millis(250),
            2 => Duration::from_secs(5),
            _ => Duration::from_secs(86_400),
        };
        let heartbeat_interval = interval;
        let config = Config { heartbeat_interval, max_peers, refresh_interval, ..cast.config() };
        Self {
            cast,
            engine: Engine::new(config, Dice::new(dice)),
            reader: None,
            model: Model::new(max_peers, refresh_interval, dice),
            now: Time::ZERO,
            interval,
            identity: None,
            source: IpAddr::from([10, 0, 0, 0]),
            forged: 0,
            forgeable: max_peers + KNOWN,
            heard: 0,
            accepted: 0,
            echoed: 0,
            announced: 0,
            own: Vec::new(),
            own_name: None,
            sent: 0,
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let choice = script.byte();
        let which = choice >> 3;
        match choice & 7 {
            0 => self.now += Duration::from_millis(4u64.pow(which.into())),
            1 => self.wait_for_something(which.into()),
            2 => self.hear_a_node(usize::from(which) % KNOWN, usize::from(which) / KNOWN),
            3 => self.hear_a_flood(FLOODS[usize::from(which % 8)], which / 8),
            4 => self.hear_something_else(which, script),
            5 => self.report(which),
            6 => self.change(which),
            _ => self.heartbeat(),
        }
    }

    /// To the moment at which something changes, and a nanosecond before and after.
    fn wait_for_something(&mut self, which: usize) {
        let asks_from = |place: usize| self.model.peers.get(place).and_then(|peer| peer.asks_from);
        let moment = match which / 3 {
            0 => self.engine.deadline(),
            1 | 2 => self.engine.announcement_deadline(),
            place => asks_from(place - 3),
        };
        let moment = moment.unwrap_or(self.now);
        let nanosecond = Duration::from_nanos(1);
        let moment = match which % 3 {
            0 => Time::after(moment.since_zero().saturating_sub(nanosecond)),
            1 => moment,
            _ => moment + nanosecond,
        };
        self.now = self.now.max(moment);
    }

    fn hear_a_node(&mut self, name: usize, sealed_with: usize) {
        let player = &self.cast.players[name];
        let datagram = &player.heartbeats[sealed_with % player.heartbeats.len()];
        self.hear(datagram, Ok(name), false);
    }

    /// Names that were not heard before, all from one host, or each from one of many.
    fn hear_a_flood(&mut self, names: usize, form: u8) {
        let source = self.source;
        // Some more than there is room for are enough: many inputs find more than long ones.
        let names = names.min(self.forgeable).max(1);
        self.forgeable = self.forgeable.saturating_sub(names);
        for _ in 0..names {
            self.forged = (self.forged + 1) % FORGED;
            if form & 1 == 1 {
                // Of one network, in which no two hosts share tokens.
                self.source = IpAddr::from([10, 0, 0, 32 + (self.forged % 224) as u8]);
            }
            self.hear_a_node(KNOWN + self.forged, form.into());
        }
        self.source = source;
    }

    fn hear_something_else(&mut self, which: u8, script: &mut Script<'_>) {
        match which {
            0 => self.hear(&[0; MAX_DATAGRAM + 1], Err(Refusal::OverLimit), false),
            1 => self.hear(&self.cast.foreign.0, Err(self.cast.foreign.1), false),
            2 => self.hear(&self.cast.nobody, Err(Refusal::Name), false),
            3 => self.hear_own(),
            len => self.hear_whatever(script.bytes(len.into())),
        }
    }

    /// A signed one that is heard under another name would be that of a peer that signs: the target
    /// for trailers has those.
    fn hear_own(&mut self) {
        let Some(name) = self.own_name else { return };
        if self.cast.signs() && self.identity != Some(name) {
            return;
        }
        let own = std::mem::take(&mut self.own);
        self.hear(&own, Ok(name), self.cast.signs());
        self.own = own;
    }

    /// Packets of nodes that do not appear here are left out: they would be as forged ones are.
    fn hear_whatever(&mut self, datagram: &[u8]) {
        match self.read(datagram) {
            Err(cause) => self.hear(datagram, Err(cause), false),
            Ok(node) => {
                let place = self.cast.players.iter().position(|player| player.node == node);
                place.into_iter().for_each(|place| self.hear(datagram, Ok(place), false));
            }
        }
    }

    fn read(&mut self, datagram: &[u8]) -> Result<NodeName, Refusal> {
        let cast = self.cast;
        let reader = self.reader.get_or_insert_with(|| Engine::new(cast.config(), Dice::new(0)));
        verdict(reader, datagram).map(|heartbeat| heartbeat.node)
    }

    /// `content` is what the packet says, whoever hears it.
    fn hear(&mut self, datagram: &[u8], content: Result<usize, Refusal>, is_signed: bool) {
        let deadline = self.engine.deadline();
        let verdict = self.engine.receive(self.now.into(), self.source, datagram);
        self.heard += 1;
        assert!(self.engine.deadline() <= deadline, "a packet puts a heartbeat off");

        let node = match content {
            // Who signs knows that what is not signed is of another.
            Ok(node) if self.identity == Some(node) && self.cast.signs() && !is_signed => {
                return assert_eq!(verdict, Received::Refused(Refusal::Unsigned));
            }
            Ok(node) if self.identity == Some(node) => {
                self.echoed += 1;
                return assert_eq!(verdict, Received::Echo);
            }
            Ok(node) => node,
            Err(cause) => return assert_eq!(verdict, Received::Refused(cause)),
        };
        let verdict = match verdict {
            Received::Peer(heartbeat) => {
                assert_eq!(heartbeat.node, self.cast.players[node].node);
                self.accepted += 1;
                Ok(())
            }
            Received::Refused(cause) => Err(cause),
            Received::Echo | Received::Copy(_) => unreachable!("of another node, and new"),
        };
        if let Some(me) = self.name() {
            let dials_first = dials_first(&self.cast.players[node].node, me);
            self.model.heard(self.now, self.source, node, dials_first, verdict);
        } else {
            assert_eq!(verdict, Ok(()), "who is not alive remembers nobody");
        }
    }

    /// Whoever has a turn is announced, nobody else, and not without a deadline.
    fn announce(&mut self) {
        let is_due = self.engine.announcement_deadline().is_some_and(|due| due <= self.now);
        loop {
            let announced = self.engine.next_announcement(self.now);
            let expected = if self.identity.is_some() { self.model.next(self.now) } else { None };
            let expected = expected.map(|place| &self.cast.players[place].node);
            assert_eq!(announced.as_ref(), expected);
            if announced.is_none() {
                break;
            }
            assert!(is_due, "nobody would have asked");
            self.announced += 1;
        }
        let deadline = self.engine.announcement_deadline();
        assert!(deadline.is_none_or(|deadline| deadline > self.now), "whoever has a turn has it");
    }

    fn report(&mut self, which: u8) {
        let report = match which % 3 {
            0 => Report::Connected,
            1 => Report::Unreachable,
            _ => Report::Down,
        };
        let place = usize::from(which / 3);
        let in_flight = || self.model.in_flight.get(place.saturating_sub(5)).map(|to| to.node);
        let known = || self.model.peers.get(place).map(|peer| peer.node);
        let node = if place < 5 { known() } else { in_flight() }.unwrap_or(place);
        self.engine.report(self.now, &self.cast.players[node].node, report);
        self.model.reported(self.now, node, report);
    }

    fn change(&mut self, which: u8) {
        match which {
            0 => self.identity = None,
            1..=3 => self.identity = Some(usize::from(which)),
            4..=7 => self.source = IpAddr::from([10, 0, 0, which]),
            8..=11 => {
                self.engine.reports_lost(self.now);
                self.model.reports_lost(self.now);
            }
            _ => self.engine.burst(self.now),
        }
        self.engine.set_identity(self.now, self.name().cloned());
    }

    fn name(&self) -> Option<&'static NodeName> {
        self.identity.map(|place| &self.cast.players[place].node)
    }

    fn heartbeat(&mut self) {
        let is_due = self.engine.deadline().is_some_and(|due| due <= self.now);
        let heartbeat = self.engine.heartbeat(self.now.into());
        assert_eq!(heartbeat.is_some(), is_due);
        assert_eq!(self.engine.heartbeat(self.now.into()), None, "two at the same moment");
        if let Some(datagram) = heartbeat {
            let plaintext = if self.cast.signs() { open(&datagram) } else { datagram.clone() };
            assert!(self.name().is_some_and(|name| plaintext.starts_with(&plain(name))));
            self.own = datagram;
            self.own_name = self.identity;
            self.sent += 1;
        }
    }

    fn check(&self) {
        let counters = self.engine.counters();
        let refused: u64 = Refusal::ALL.iter().map(|cause| counters.refused(*cause)).sum();
        assert_eq!((counters.sent, counters.received), (self.sent, self.heard));
        assert_eq!((counters.accepted, counters.announced), (self.accepted, self.announced));
        assert_eq!(counters.echoed, self.echoed);
        assert_eq!(counters.received, counters.accepted + counters.echoed + refused);

        let deadline = self.engine.deadline();
        assert_eq!(deadline.is_some(), self.identity.is_some(), "who is not alive is silent");
        let latest = self.now + self.interval.max(BURST_GAP);
        assert!(deadline.is_none_or(|deadline| deadline <= latest), "silent for too long");
    }
}
