//! Sends packets over the loopback interface, to see what a node makes of them, until its standard input has a line or
//! ends.
//!
//! ```text
//! cargo run -q --release -p native_gossip_net --example flood -- KIND ADDRESS:PORT PER_SECOND [SECRET]
//! ```
//!
//! KIND is `noise` (64 random bytes), `names` (heartbeats of distinct forged names) or `known`
//! (heartbeats of the 50 nodes known1@127.0.0.1 to known50@127.0.0.1). With a SECRET heartbeats are
//! sealed. They come from 127.0.0.66. ADDRESS is of 127.0.0.0/8, or a multicast group, which is sent to on the loopback
//! interface only. A second has PER_SECOND packets, or as many as can be sent. Prints how many were sent.

use std::{
    env,
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use native_gossip_core::{
    NodeName, Secret,
    packet::{self, Keyring},
};
use rand::{Rng, rngs::StdRng};

const USAGE: &str = "usage: flood noise|names|known ADDRESS:PORT PER_SECOND [SECRET]";
const KNOWN: u64 = 50;

/// Packets between two looks at the time. A thousand of such pauses a second and more can be kept.
const AT_ONCE: u64 = 64;

/// Another host than that of the nodes, as far as they can tell.
const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(sent) => {
            println!("{sent}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<u64, Box<dyn Error>> {
    let [kind, target, per_second, secret @ ..] = args else {
        return Err("too few arguments".into());
    };
    let target: SocketAddrV4 = target.parse()?;
    if !target.ip().is_loopback() && !target.ip().is_multicast() {
        return Err(format!("{target} is not on the loopback interface").into());
    }
    let secrets: Vec<_> = secret.iter().map(|secret| Secret(secret.clone().into())).collect();
    let mut make = maker(kind, Keyring::new(&secrets, None))?;

    let socket = socket2::Socket::from(UdpSocket::bind((HOST, 0))?);
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
    let socket = UdpSocket::from(socket);
    let per_second: u64 = per_second.parse()?;
    if per_second == 0 {
        return Err("0 packets a second are no flood".into());
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    thread::spawn(move || {
        let _ = io::stdin().read_line(&mut String::new());
        over.store(true, Ordering::Relaxed);
    });

    let began = Instant::now();
    let (mut made, mut sent) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        let due = Duration::from_nanos(made * 1_000_000_000 / per_second);
        thread::sleep(due.saturating_sub(began.elapsed()));
        for _ in 0..AT_ONCE {
            let packet = make(made)?;
            made += 1;
            // A full buffer is what a flood is for: the next packet may find room.
            sent += u64::from(socket.send_to(&packet, target).is_ok());
        }
    }
    Ok(sent)
}

type Maker = Box<dyn FnMut(u64) -> Result<Vec<u8>, Box<dyn Error>>>;

fn maker(kind: &str, keyring: Keyring) -> Result<Maker, Box<dyn Error>> {
    let mut rng: StdRng = rand::make_rng();
    if kind == "noise" {
        return Ok(Box::new(move |_| {
            let mut noise = vec![0; 64];
            rng.fill_bytes(&mut noise);
            Ok(noise)
        }));
    }
    let mut heartbeat = move |name: String| {
        let mut iv = [0; 16];
        rng.fill_bytes(&mut iv);
        let node = NodeName::parse(&name)?;
        Ok(packet::encode(&node, &keyring, iv))
    };
    match kind {
        "names" => Ok(Box::new(move |n| heartbeat(format!("forged{n}@127.0.0.1")))),
        "known" => {
            let names = (1..=KNOWN).map(|n| format!("known{n}@127.0.0.1"));
            let packets: Vec<_> = names.map(heartbeat).collect::<Result<_, Box<dyn Error>>>()?;
            let mut turns = packets.into_iter().cycle();
            Ok(Box::new(move |_| turns.next().ok_or_else(|| "no packets".into())))
        }
        _ => Err(format!("unknown kind {kind:?}").into()),
    }
}
