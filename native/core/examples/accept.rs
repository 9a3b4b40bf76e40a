//! Reads histories of one receiver, one a line, and prints what is made of each heartbeat: to compare the
//! rules of acceptance with those of another implementation.
//!
//! ```text
//! cargo run -q --release -p native_gossip_core --example accept < histories.jsonl
//! ```
//!
//! A line is `{"required": BOOL, "events": [EVENT, ...]}`. Times and clocks are in milliseconds.
//!
//! | event | meaning |
//! |---|---|
//! | `{"start": ID}` | the receiver starts, and remembers nothing |
//! | `{"beat": [TIME, CLOCK, ID]}` | it sends a heartbeat |
//! | `{"hear": [TIME, CLOCK, NAME, INCARNATION, SEQ, STAMP, [ECHO, ...], MAC]}` | it hears one |
//!
//! `ID` is how the line calls the receiver's incarnation from then on, where an echo names it. The times
//! of one start must not run backwards. Prints a word for each event, with spaces between them.

#![allow(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, BufRead, BufWriter, Write},
    time::Duration,
};

use native_gossip_core::{
    Authentication, NodeName, Now, Time, WallTime,
    packet::{Claim, Signed},
    trust::{Acceptance, Trust},
};
use rand::{SeedableRng, rngs::StdRng};
use serde::Deserialize;

#[derive(Deserialize)]
struct History {
    required: bool,
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Event {
    Start(u64),
    Beat(u64, u64, u64),
    Hear(u64, u64, u64, u64, u32, u64, Vec<u64>, u64),
}

struct Receiver {
    trust: Trust,
    rng: StdRng,
    /// What we call ourselves, by what the line calls us.
    ids: BTreeMap<u64, u64>,
}

impl Receiver {
    fn new(required: bool, rng: StdRng) -> Self {
        let authentication =
            if required { Authentication::Required } else { Authentication::Compatible };
        Self { trust: Trust::new(authentication, 1000), rng, ids: BTreeMap::new() }
    }

    fn word(&mut self, event: Event) -> Result<&'static str, Box<dyn Error>> {
        Ok(match event {
            Event::Start(id) => {
                self.trust.restart(&mut self.rng);
                self.ids.insert(id, self.trust.incarnation());
                "start"
            }
            Event::Beat(time, clock, id) => {
                let before = self.trust.incarnation();
                self.trust.beat(now(time, clock), &mut self.rng);
                let after = self.trust.incarnation();
                self.ids.insert(id, after);
                if before == after { "same" } else { "new" }
            }
            Event::Hear(time, clock, name, incarnation, seq, stamp, echoes, mac) => {
                let echoes = echoes.iter().map(|id| *self.ids.get(id).unwrap_or(id)).collect();
                let claim = Claim {
                    secret_index: 0,
                    stamp: WallTime::from_millis(stamp),
                    is_leaving: false,
                    signed: Signed { incarnation, seq, echoes },
                    mac: u128::from(mac).to_be_bytes(),
                };
                let node = NodeName::parse(&format!("n{name}@host"))?;
                let gap = Duration::from_secs(5);
                match self.trust.hear(now(time, clock), &node, &claim, gap) {
                    Ok(Acceptance::Next | Acceptance::Fresh) => "ok",
                    Ok(Acceptance::Echoed) => "echoed",
                    Ok(Acceptance::Unproven) => "unproven",
                    Ok(Acceptance::Late) => "late",
                    Ok(Acceptance::Copy) => "copy",
                    Err(cause) => cause.name(),
                }
            }
        })
    }
}

fn now(time: u64, clock: u64) -> Now {
    let time = Time::after(Duration::from_millis(time));
    Now { time, wall: WallTime::from_millis(clock) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(io::stdout().lock());
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let History { required, events } = serde_json::from_str(&line?)?;
        let seed = || StdRng::seed_from_u64(number as u64);
        let mut receiver = Receiver::new(required, seed());
        for (place, event) in events.into_iter().enumerate() {
            if matches!(event, Event::Start(..)) {
                let ids = std::mem::take(&mut receiver.ids);
                receiver = Receiver { ids, ..Receiver::new(required, receiver.rng) };
            }
            let space = if place == 0 { "" } else { " " };
            write!(out, "{space}{}", receiver.word(event)?)?;
        }
        writeln!(out)?;
    }
    Ok(out.flush()?)
}
