//! Reads packets in hex, one a line, and says of each what a node would take it for.
//!
//! ```text
//! cargo run -q -p native_gossip_core --example decode -- [--secret S] < packets.hex
//! ```
//!
//! Prints `node NAME` or `reject REASON` for each line. White space and colons between the hex
//! digits are passed over, as packet captures have them.

#![allow(clippy::disallowed_macros, clippy::disallowed_methods)]

use std::{
    env,
    io::{self, BufRead, Write},
    process::ExitCode,
};

use native_gossip_core::{
    Secret,
    packet::{self, Keyring},
};

const USAGE: &str =
    "usage: decode [--secret SECRET] < FILE, where FILE has one packet in hex a line";

fn main() -> ExitCode {
    match keyring(env::args().skip(1)).and_then(|keyring| decode_lines(&keyring)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn keyring(mut args: impl Iterator<Item = String>) -> Result<Keyring, String> {
    let mut secrets = Vec::new();
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.next()) {
            ("--secret", Some(secret)) => secrets.push(Secret(secret.into_bytes())),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(Keyring::new(&secrets))
}

fn decode_lines(keyring: &Keyring) -> Result<(), String> {
    let mut out = io::stdout().lock();
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|error| format!("cannot read line {}: {error}", number + 1))?;
        let bytes = bytes_of_hex(&line)
            .ok_or_else(|| format!("line {} is not hex: {line:?}\n{USAGE}", number + 1))?;
        let written = match packet::decode(&bytes, keyring) {
            Ok(heartbeat) => writeln!(out, "node {}", heartbeat.node),
            Err(cause) => writeln!(out, "reject {cause}"),
        };
        if written.is_err() {
            break; // The reader has seen enough.
        }
    }
    Ok(())
}

fn bytes_of_hex(line: &str) -> Option<Vec<u8>> {
    let digits: Vec<char> = line.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    let byte = |pair: &[char]| match pair {
        [high, low] => u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}
