//! Disturbs clusters in virtual time, and prints how many heartbeats they send.
//!
//! ```text
//! cargo run -q --release -p native_gossip_core --example storm -- KIND SIZES JITTERS SECONDS [LIMIT]
//! cargo run -q --release -p native_gossip_core --example storm -- newcomer SIZES JITTER
//! ```
//!
//! KIND is `whole` (nodes with all their parts) or `paced` (what paces them alone). SIZES and JITTERS
//! (in ms) are lists as `10,100`. Of the jitters the worst figures are printed.
//!
//! `newcomer` prints a line for each size, when one more node starts in a settled cluster: the size, heartbeats a
//! second of the whole cluster before, and the ms after which all others had heard it, and it one, half and all of
//! them; `-` where that took more than ten minutes.

#![allow(clippy::disallowed_macros, clippy::disallowed_methods, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[path = "../tests/storm/air.rs"]
mod air;
#[path = "../tests/storm/disturbance.rs"]
mod disturbance;
#[path = "../tests/storm/newcomer.rs"]
mod newcomer;
#[path = "../tests/storm/paced.rs"]
mod paced;
#[path = "../tests/storm/whole.rs"]
mod whole;

use std::{env, error::Error, num::ParseIntError, time::Duration};

use air::Air;
use disturbance::{Disturbance, Outcome, disturb};
use paced::Paced;
use whole::Whole;

const LIMIT: u32 = 200_000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["newcomer", sizes, jitter] = args[..] {
        let jitter = Duration::from_millis(jitter.parse()?);
        numbers(sizes)?.into_iter().for_each(|size| print_newcomer(size, jitter));
        return Ok(());
    }
    let [kind, sizes, jitters, seconds, rest @ ..] = &args[..] else {
        return Err("usage: storm KIND SIZES JITTERS SECONDS [LIMIT]\n       \
                    storm newcomer SIZES JITTER"
            .into());
    };
    let (sizes, jitters) = (numbers(sizes)?, numbers(jitters)?);
    let after = Duration::from_secs(seconds.parse()?);
    let limit = rest.first().map_or(Ok(LIMIT), |limit| limit.parse())?;
    println!(
        "| nodes | disturbance | most in a second | 0-10 s | 10-60 s | then | quiet after | dropped |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for size in sizes {
        // In larger clusters the other spike is the worse one.
        for disturbance in Disturbance::ALL.into_iter().skip(usize::from(size > 2000)) {
            let outcome = |jitter: &u64| {
                let late = Duration::from_millis(*jitter);
                match *kind {
                    "whole" => disturb(
                        Air::new(Whole::all(size as usize, limit), late, 1),
                        disturbance,
                        after,
                    ),
                    _ => disturb(
                        Air::new(Paced::all(size as usize, limit), late, 1),
                        disturbance,
                        after,
                    ),
                }
            };
            print(size, disturbance, &jitters.iter().map(outcome).collect::<Vec<_>>());
        }
    }
    Ok(())
}

fn numbers(list: &str) -> Result<Vec<u64>, ParseIntError> {
    list.split(',').map(str::parse).collect()
}

fn print_newcomer(size: u64, jitter: Duration) {
    let met = newcomer::meet(size as usize, LIMIT, jitter);
    print!("{size} {:.1}", met.settled);
    for took in [met.heard_by_all].into_iter().chain(met.heard) {
        print!(" {}", took.map_or("-".into(), |took| took.as_millis().to_string()));
    }
    println!();
}

/// The worst of what came of it with each jitter.
fn print(size: u64, disturbance: Disturbance, outcomes: &[Outcome]) {
    let rate = |from, to| outcomes.iter().map(|outcome| outcome.rate(from, to)).fold(0.0, f64::max);
    let quiet: Option<Vec<_>> = outcomes.iter().map(Outcome::quiet_after).collect();
    let quiet = quiet.and_then(|all| all.into_iter().max());
    println!(
        "| {size} | {disturbance:?} | {} | {:.0} | {:.0} | {:.0} | {} | {} |",
        outcomes.iter().map(Outcome::peak).max().unwrap_or_default(),
        rate(0, 10),
        rate(10, 60),
        rate(60, usize::MAX),
        quiet.map_or("never".into(), |seconds| format!("{seconds} s")),
        outcomes.iter().map(|outcome| outcome.dropped).max().unwrap_or_default(),
    );
}
