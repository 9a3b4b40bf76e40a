//! Sends the heartbeats of many nodes over the loopback interface at a steady rate, or receives
//! them and does nothing else.
//!
//! ```text
//! cargo run -q --release -p native_gossip_net --example heartbeats -- FORM ADDRESS:PORT NODES PER_SECOND BURST SECONDS SECRET
//! cargo run -q --release -p native_gossip_net --example heartbeats -- receive|poll ADDRESS:PORT
//! ```
//!
//! FORM is `sealed`, or `signed` for sealed and signed. The nodes known1@127.0.0.1 … take turns, and
//! BURST heartbeats leave at once. Prints how many were sent. What receives is the least that a
//! program can do: one `recvfrom` after the other, until its standard input is closed. With `poll` in the place of
//! `receive` it polls before each, as a program must that waits for other things too (Linux). ADDRESS is of
//! 127.0.0.0/8.

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

const USAGE: &str = "usage: heartbeats sealed|signed ADDRESS:PORT NODES PER_SECOND BURST SECONDS SECRET\n       \
     heartbeats receive|poll ADDRESS:PORT";

/// Another host than that of the receiver, as far as it can tell.
const HOST: [u8; 4] = [127, 0, 0, 66];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["receive", at] => receive(at, |_| Ok(())),
        ["poll", at] => receive(at, wait),
        [form, to, nodes, per_second, burst, seconds, secret] => {
            send(form, to, [nodes, per_second, burst, seconds], secret)
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

/// Polls until something can be received.
#[cfg(target_os = "linux")]
fn wait(socket: &UdpSocket) -> io::Result<()> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let arrival = PollFd::new(std::os::fd::AsFd::as_fd(socket), PollFlags::POLLIN);
    poll(&mut [arrival], PollTimeout::NONE)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn wait(_socket: &UdpSocket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn receive(at: &str, wait: impl Fn(&UdpSocket) -> io::Result<()>) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind(loopback(at)?)?;
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
    let mut datagram = [0; 2048];
    println!("ready");
    loop {
        wait(&socket)?;
        socket.recv_from(&mut datagram)?;
    }
}

fn send(form: &str, to: &str, numbers: [&str; 4], secret: &str) -> Result<(), Box<dyn Error>> {
    let to = loopback(to)?;
    let [nodes, per_second, burst, seconds] = parsed(numbers)?;
    let mut senders = Senders::new(nodes, form, secret)?;
    let socket = UdpSocket::bind((std::net::Ipv4Addr::from(HOST), 0))?;
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

struct Senders {
    names: Vec<NodeName>,
    incarnation: u64,
    sent: usize,
    signs: bool,
    ring: Keyring,
    rng: StdRng,
}

impl Senders {
    fn new(nodes: u64, form: &str, secret: &str) -> Result<Self, Box<dyn Error>> {
        let names = (1..=nodes).map(|n| NodeName::parse(&format!("known{n}@127.0.0.1")));
        let signs = match form {
            "sealed" => false,
            "signed" => true,
            _ => return Err(format!("unknown form {form:?}").into()),
        };
        let mut rng: StdRng = rand::make_rng();
        Ok(Self {
            names: names.collect::<Result<_, _>>()?,
            incarnation: rng.random(),
            sent: 0,
            signs,
            ring: Keyring::new(&[Secret(secret.into())], None),
            rng,
        })
    }

    fn next(&mut self) -> Vec<u8> {
        let mut iv = [0; 16];
        self.rng.fill_bytes(&mut iv);
        let (place, turn) = (self.sent % self.names.len(), self.sent / self.names.len());
        self.sent += 1;
        let name = &self.names[place];
        if !self.signs {
            return packet::encode(name, &self.ring, iv);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let stamp = WallTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
        let signed = Some(Signed {
            incarnation: self.incarnation.wrapping_add(place as u64),
            seq: u32::try_from(turn + 1).unwrap_or(u32::MAX),
            echoes: Default::default(),
        });
        let trailer = Trailer { is_leaving: false, stamp, label: Label::default(), signed };
        packet::encode_with(name, &trailer, &self.ring, Form::Sealed(iv))
    }
}
