//! Reads packets in hex, one a line, and says of each what a node would take it for.
//!
//! ```text
//! cargo run -q -p native_gossip_core --example decode -- OPTIONS < packets.hex
//!
//!   --secret S     a secret; again for each of them, in their order
//!   --cluster C    the label
//!   --required     signed heartbeats alone
//!   --no-seal      plain heartbeats, too
//!   --allow GLOB   a pattern of names; again for each of them
//! ```
//!
//! The lines are what one node receives, in their order. A line may begin with the wall clock of this
//! node in milliseconds and a space; without it the clock of this machine counts. White space and
//! colons between the hex digits are passed over, as packet captures have them.
//!
//! Prints `node NAME`, `copy NAME` or `reject REASON` for each line: the verdict of the engine. Only of
//! packets longer than 1500 bytes, which a node refuses unread, it says what else is wrong with them.

#![allow(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

use std::{
    env,
    io::{self, BufRead, Write},
    net::{IpAddr, Ipv4Addr},
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use native_gossip_core::{
    Authentication, Config, Engine, Glob, Now, Received, Secret, Time, WallTime,
};
use rand::rngs::StdRng;

const USAGE: &str = "usage: decode [--secret SECRET]... [--cluster LABEL] [--required] [--no-seal] \
    [--allow GLOB]... < FILE, where FILE has one packet in hex a line, maybe after the time in ms";

fn main() -> ExitCode {
    match config(env::args().skip(1)).and_then(decode_lines) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn config(mut args: impl Iterator<Item = String>) -> Result<Config, String> {
    let mut config = Config::default();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(USAGE);
        match arg.as_str() {
            "--secret" => config.secrets.push(Secret(value()?.into_bytes())),
            "--cluster" => config.cluster = Some(value()?),
            "--required" => config.authentication = Authentication::Required,
            "--no-seal" => config.seal = false,
            "--allow" => config.allow.push(Glob::new(&value()?)),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(config)
}

fn decode_lines(config: Config) -> Result<(), String> {
    let mut engine: Engine<StdRng> = Engine::new(config, rand::make_rng());
    let mut now = Now::default();
    let mut first = None;
    let mut out = io::stdout().lock();
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|error| format!("cannot read line {}: {error}", number + 1))?;
        let (clock, hex) = split_clock(&line);
        let datagram = bytes_of_hex(hex)
            .ok_or_else(|| format!("line {} is not hex: {line:?}\n{USAGE}", number + 1))?;
        let wall = clock.unwrap_or_else(clock_of_this_machine);
        // As far as the wall clock was not set back, the time passes with it.
        let elapsed = Duration::from_millis(wall.saturating_sub(*first.get_or_insert(wall)));
        let time = now.time.max(Time::after(elapsed));
        now = Now { time, wall: WallTime::from_millis(wall) };
        let received = engine.inspect(now, IpAddr::V4(Ipv4Addr::LOCALHOST), &datagram);
        let written = match received {
            Received::Peer(heartbeat) => writeln!(out, "node {}", heartbeat.node),
            Received::Copy(heartbeat) => writeln!(out, "copy {}", heartbeat.node),
            Received::Refused(cause) => writeln!(out, "reject {cause}"),
            // This engine is not alive, and has no name.
            Received::Echo => writeln!(out, "echo"),
        };
        if written.is_err() {
            break; // The reader has seen enough.
        }
    }
    Ok(())
}

/// The time at the beginning of a line, and the rest. Hex digits may come in groups, and a group of
/// decimal digits alone looks like a time: it is none where more than one group follows, but for one
/// of 13 digits, as every time of this century has.
fn split_clock(line: &str) -> (Option<u64>, &str) {
    let Some((first, rest)) = line.split_once(' ') else { return (None, line) };
    let is_number = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    let is_alone = !rest.trim().contains(|c: char| c.is_whitespace() || c == ':');
    match first.parse() {
        Ok(clock) if is_number && (is_alone || first.len() == 13) => (Some(clock), rest),
        _ => (None, line),
    }
}

fn clock_of_this_machine() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    let byte = |pair: &[char]| match pair {
        [high, low] => u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}
