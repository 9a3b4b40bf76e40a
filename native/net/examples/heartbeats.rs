//! Sends the heartbeats of many nodes over the loopback interface at a steady rate, or receives
//! them and does nothing else.
//!
//! ```text
//! cargo run -q --release -p native_gossip_net --example heartbeats -- FORM ADDRESS:PORT NODES PER_SECOND BURST SECONDS SECRET [TURNS]
//! cargo run -q --release -p native_gossip_net --example heartbeats -- receive|poll ADDRESS:PORT
//! ```
//!
//! FORM is `sealed`, or `signed` for sealed and signed. What a node refuses is `noise` (99 random bytes),
//! `undecryptable` (signed, of another secret) and `labelled` (signed, of a cluster "other"). The nodes
//! known1@127.0.0.1 … take turns, and BURST heartbeats leave at once. TURNS is how many heartbeats
//! each node has sent before; without it each node is restarted. Prints `ready`, and at the end how many were sent; it
//! ends before with its standard input.
//!
//! What receives does the least that takes packets one by one, until its standard input is closed: one `recvfrom`
//! after the other, or with `poll` a `poll` before each. ADDRESS is of 127.0.0.0/8.

#![allow(clippy::disallowed_macros, clippy::indexing_slicing)]

use std::{
    env,
    error::Error,
    io::{self, Write},
    net::{SocketAddrV4, UdpSocket},
    process::{self, ExitCode},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use native_gossip_core::{
    NodeName, Secret, WallTime,
    packet::{self, Form, Keyring, Label, Signed, Trailer},
};
use rand::{Rng, RngExt, rngs::StdRng};

const USAGE: &str = "usage: heartbeats sealed|signed|noise|undecryptable|labelled ADDRESS:PORT NODES \
     PER_SECOND BURST SECONDS SECRET [TURNS]\n       heartbeats receive|poll ADDRESS:PORT";

/// Another host than that of the receiver, as far as it can tell.
const HOST: [u8; 4] = [127, 0, 0, 66];

/// The incarnation of a node that goes on where another run of this program ended.
const LASTING: u64 = 0x6865_6172_7462_6561;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["receive", at] => receive(at, false),
        ["poll", at] => receive(at, true),
        [form, to, nodes, per_second, burst, seconds, secret] => {
            send(form, to, [nodes, per_second, burst, seconds], secret, None)
        }
        [form, to, nodes, per_second, burst, seconds, secret, turns] => {
            send(form, to, [nodes, per_second, burst, seconds], secret, Some(turns))
        }
        _ => Err("too few or too many arguments".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn loopback(address: &str) -> Result<SocketAddrV4, Box<dyn Error>> {
    let address: SocketAddrV4 = address.parse()?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err(format!("{address} is not of 127.0.0.0/8").into()),
    }
}

fn receive(at: &str, polls: bool) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind(loopback(at)?)?;
    end_with_standard_input();
    let mut datagram = [0; 2048];
    println!("ready");
    loop {
        if polls {
            wait(&socket)?;
        }
        socket.recv_from(&mut datagram)?;
    }
}

/// Whoever started this may be gone.
fn end_with_standard_input() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
}

#[cfg(target_os = "linux")]
fn wait(socket: &UdpSocket) -> Result<(), Box<dyn Error>> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;

    poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn wait(_: &UdpSocket) -> Result<(), Box<dyn Error>> {
    Err("polls on Linux alone".into())
}

fn send(
    form: &str,
    to: &str,
    numbers: [&str; 4],
    secret: &str,
    turns: Option<&str>,
) -> Result<(), Box<dyn Error>> {
    let to = loopback(to)?;
    let [nodes, per_second, burst, seconds] = parsed(numbers)?;
    let mut senders = Senders::new(nodes, form, secret, turns.map(str::parse).transpose()?)?;
    let socket = UdpSocket::bind((std::net::Ipv4Addr::from(HOST), 0))?;
    end_with_standard_input();
    println!("ready");
    let began = Instant::now();
    let mut sent = 0;
    for n in 0..per_second * seconds / burst {
        let packets: Vec<_> = (0..burst).map(|_| senders.next()).collect();
        let due = Duration::from_nanos(1_000_000_000 * n * burst / per_second);
        thread::sleep(due.saturating_sub(began.elapsed()));
        for packet in packets {
            sent += u64::from(socket.send_to(&packet, to).is_ok());
        }
    }
    // Who started it may be gone.
    let _ = writeln!(io::stdout(), "{sent}");
    Ok(())
}

fn parsed<const N: usize>(numbers: [&str; N]) -> Result<[u64; N], Box<dyn Error>> {
    let mut parsed = [0; N];
    for (to, number) in parsed.iter_mut().zip(numbers) {
        *to = number.parse()?;
        if *to == 0 {
            return Err("0 is too few".into());
        }
    }
    Ok(parsed)
}

/// What the packets are.
#[derive(Clone, Copy)]
enum Kind {
    Noise,
    Sealed,
    Signed,
}

struct Senders {
    names: Vec<NodeName>,
    incarnation: u64,
    sent: usize,
    kind: Kind,
    label: Label,
    ring: Keyring,
    rng: StdRng,
}

impl Senders {
    fn new(
        nodes: u64,
        form: &str,
        secret: &str,
        turns: Option<usize>,
    ) -> Result<Self, Box<dyn Error>> {
        let names: Vec<_> = (1..=nodes)
            .map(|n| NodeName::parse(&format!("known{n}@127.0.0.1")))
            .collect::<Result<_, _>>()?;
        let (kind, secret, cluster) = match form {
            "sealed" => (Kind::Sealed, secret, None),
            "signed" => (Kind::Signed, secret, None),
            "noise" => (Kind::Noise, secret, None),
            "undecryptable" => (Kind::Signed, "another secret, which the receiver has not", None),
            "labelled" => (Kind::Signed, secret, Some("other")),
            _ => return Err(format!("unknown form {form:?}").into()),
        };
        let mut rng: StdRng = rand::make_rng();
        Ok(Self {
            sent: turns.unwrap_or(0) * names.len(),
            names,
            incarnation: if turns.is_some() { LASTING } else { rng.random() },
            kind,
            label: Label::of(cluster),
            ring: Keyring::new(&[Secret(secret.into())], cluster),
            rng,
        })
    }

    fn next(&mut self) -> Vec<u8> {
        let mut iv = [0; 16];
        self.rng.fill_bytes(&mut iv);
        let (place, turn) = (self.sent % self.names.len(), self.sent / self.names.len());
        self.sent += 1;
        let name = &self.names[place];
        match self.kind {
            Kind::Noise => {
                let mut noise = vec![0; 99];
                self.rng.fill_bytes(&mut noise);
                return noise;
            }
            Kind::Sealed => return packet::encode(name, &self.ring, iv),
            Kind::Signed => {}
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let stamp = WallTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
        let signed = Some(Signed {
            incarnation: self.incarnation.wrapping_add(place as u64),
            seq: u32::try_from(turn + 1).unwrap_or(u32::MAX),
            echoes: Default::default(),
        });
        let trailer = Trailer { is_leaving: false, stamp, label: self.label, signed };
        packet::encode_with(name, &trailer, &self.ring, Form::Sealed(iv))
    }
}
