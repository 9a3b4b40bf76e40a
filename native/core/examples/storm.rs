//! Disturbs clusters in virtual time, and prints how many heartbeats they send.
//!
//! ```text
//! cargo run -q --release -p native_gossip_core --example storm -- KIND SIZES JITTERS SECONDS [LIMIT]
//! ```
//!
//! KIND is `whole` (nodes with all their parts) or `paced` (what paces them alone). SIZES and JITTERS (in ms) are lists as `10,100`.

#![allow(clippy::disallowed_macros, clippy::disallowed_methods, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[path = "../tests/storm/air.rs"]
mod air;
#[path = "../tests/storm/disturbance.rs"]
mod disturbance;
#[path = "../tests/storm/paced.rs"]
mod paced;
#[path = "../tests/storm/whole.rs"]
mod whole;

use std::{env, error::Error, time::Duration};

use air::Air;
use disturbance::{Disturbance, Outcome, disturb};
use paced::Paced;
use whole::Whole;

const DISTURBANCES: [Disturbance; 5] = [
    Disturbance::Spike(300),
    Disturbance::Spike(2000),
    Disturbance::Newcomer,
    Disturbance::Start,
    Disturbance::Heal,
];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [kind, sizes, jitters, seconds, rest @ ..] = &args[..] else {
        return Err("usage: storm KIND SIZES JITTERS SECONDS [LIMIT]".into());
    };
    let after = Duration::from_secs(seconds.parse()?);
    let limit = rest.first().map_or(Ok(20_000), |limit| limit.parse())?;
    println!(
        "| kind | nodes | jitter | disturbance | most in a second | 0-10 s | 10-60 s | then | quiet after | dropped |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for size in sizes.split(',').map(str::parse::<usize>) {
        for jitter in jitters.split(',').map(str::parse::<u64>) {
            let (size, jitter) = (size.clone()?, jitter?);
            // In larger clusters the other spike is the worse one.
            let all = DISTURBANCES.into_iter().skip(usize::from(size > 2000));
            for disturbance in all {
                let late = Duration::from_millis(jitter);
                let outcome = match kind.as_str() {
                    "whole" => {
                        disturb(Air::new(Whole::all(size, limit), late, 1), disturbance, after)
                    }
                    "paced" => {
                        disturb(Air::new(Paced::all(size, limit), late, 1), disturbance, after)
                    }
                    _ => return Err(format!("unknown kind {kind:?}").into()),
                };
                print(kind, size, jitter, disturbance, &outcome);
            }
        }
    }
    Ok(())
}

fn print(kind: &str, size: usize, jitter: u64, disturbance: Disturbance, outcome: &Outcome) {
    let quiet = outcome.quiet_after().map_or("never".into(), |seconds| format!("{seconds} s"));
    println!(
        "| {kind} | {size} | {jitter} ms | {disturbance:?} | {} | {:.0} | {:.0} | {:.0} | {quiet} | {} |",
        outcome.peak(),
        outcome.rate(0, 10),
        outcome.rate(10, 60),
        outcome.rate(60, usize::MAX),
        outcome.dropped,
    );
}
