//! What signatures cost: a packet sealed and signed, against the same one sealed alone.
//!
//! ```text
//! cargo run -q --release -p native_gossip_core --example cost [PACKETS]
//! ```
//!
//! Prints nanoseconds a packet: to receive one, and to make one. The system call that receives it is
//! not in it.

#![allow(clippy::indexing_slicing)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

use std::{
    env,
    error::Error,
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use native_gossip_core::{
    Config, Engine, NodeName, Now, Received, Secret, Time, WallTime,
    packet::{self, Form, Keyring, Label, Signed, Trailer},
};
use rand::{SeedableRng, rngs::StdRng};

/// Peers that take turns.
const PEERS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let packets = env::args().nth(1).map_or(Ok(200_000), |n| n.parse())?;
    let secrets = vec![Secret(b"correct horse battery staple".to_vec())];
    let ring = Keyring::new(&secrets, None);
    let names: Result<Vec<_>, _> =
        (0..PEERS).map(|n| NodeName::parse(&format!("app{n}@10.0.0.{n}"))).collect();
    let names = names?;
    let now = Now { time: Time::ZERO, wall: WallTime::from_millis(1_790_000_000_000) };
    let mut rng = StdRng::seed_from_u64(1);
    let mut iv = || rand::RngExt::random::<[u8; 16]>(&mut rng);
    let trailer = |n: usize| {
        let (seq, incarnation) = (u32::try_from(n / PEERS + 1).unwrap_or(0), (n % PEERS) as u64);
        let signed = Some(Signed { incarnation, seq, echoes: Default::default() });
        Trailer { is_leaving: false, stamp: now.wall, label: Label::default(), signed }
    };
    let name = |n: usize| names.get(n % PEERS).unwrap_or(&names[0]);
    for round in 0..3 {
        let mut made = [Duration::ZERO; 2];
        let began = Instant::now();
        let sealed: Vec<_> = (0..packets).map(|n| packet::encode(name(n), &ring, iv())).collect();
        made[0] = began.elapsed();
        let began = Instant::now();
        let signed: Vec<_> = (0..packets)
            .map(|n| packet::encode_with(name(n), &trailer(n), &ring, Form::Sealed(iv())))
            .collect();
        made[1] = began.elapsed();
        let received = [&sealed, &signed].map(|packets| {
            let config = Config { secrets: secrets.clone(), ..Config::default() };
            let mut engine = Engine::new(config, StdRng::seed_from_u64(1));
            engine.set_identity(now.time, NodeName::parse("me@host").ok());
            let began = Instant::now();
            for packet in packets {
                let received = engine.receive(now, IpAddr::V4(Ipv4Addr::LOCALHOST), packet);
                assert!(matches!(black_box(received), Received::Peer(_)));
            }
            began.elapsed()
        });
        let each = |time: Duration| time.as_nanos() / packets.max(1) as u128;
        println!(
            "round {round}: receive {} sealed, {} sealed and signed; make {} and {}",
            each(received[0]),
            each(received[1]),
            each(made[0]),
            each(made[1]),
        );
    }
    Ok(())
}
