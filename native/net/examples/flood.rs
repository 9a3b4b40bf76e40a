//! Sends packets over the loopback interface as fast as it can, to see what a node makes of them.
//!
//! ```text
//! cargo run -q --release -p native_gossip_net --example flood -- KIND ADDRESS:PORT SECONDS [SECRET]
//! ```
//!
//! KIND is `noise` (64 random bytes), `names` (heartbeats of distinct forged names) or `known`
//! (heartbeats of the 50 nodes known1@127.0.0.1 to known50@127.0.0.1). With a SECRET heartbeats are
//! sealed. They come from 127.0.0.66. ADDRESS is of 127.0.0.0/8, or a multicast group, which is sent to on the loopback
//! interface only. Prints how many packets were sent.

use std::{
    env,
    error::Error,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    process::ExitCode,
    time::{Duration, Instant},
};

use native_gossip_core::{
    NodeName, Secret,
    packet::{self, Keyring},
};
use rand::{Rng, rngs::StdRng};

const USAGE: &str = "usage: flood noise|names|known ADDRESS:PORT SECONDS [SECRET]";
const KNOWN: u64 = 50;

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
    let [kind, target, seconds, secret @ ..] = args else { return Err("too few arguments".into()) };
    let target: SocketAddrV4 = target.parse()?;
    if !target.ip().is_loopback() && !target.ip().is_multicast() {
        return Err(format!("{target} is not on the loopback interface").into());
    }
    let secrets: Vec<_> = secret.iter().map(|secret| Secret(secret.clone().into())).collect();
    let mut make = maker(kind, Keyring::new(&secrets, None))?;

    let socket = socket2::Socket::from(UdpSocket::bind((HOST, 0))?);
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
    let socket = UdpSocket::from(socket);
    let ends = Instant::now() + Duration::from_secs(seconds.parse()?);
    let mut sent = 0;
    while Instant::now() < ends {
        let packet = make(sent)?;
        // A full buffer is what a flood is for: the next packet may find room.
        sent += u64::from(socket.send_to(&packet, target).is_ok());
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
