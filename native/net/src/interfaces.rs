//! What the system knows of the interfaces of this host.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
};

use if_addrs::IfOperStatus;
use native_gossip_core::{InterfaceAddress, ScannedAddress};

/// Every address of every interface.
///
/// # Errors
/// The system does not list them; it may have no descriptors left.
pub(crate) fn list() -> io::Result<Vec<ScannedAddress>> {
    let found = if_addrs::get_if_addrs()?.into_iter().filter_map(|found| {
        let interface =
            InterfaceAddress { index: found.index?, address: found.addr.ip(), name: found.name };
        let is_up = is_up(&found.oper_status, cfg!(windows));
        Some(ScannedAddress { interface, is_up })
    });
    Ok(found.collect())
}

/// Whether an interface is up. `Unknown` is what if-addrs calls a Unix interface that does not run, as
/// one that is down or without a carrier; on Windows it is what it says, and a send will tell.
fn is_up(status: &IfOperStatus, is_windows: bool) -> bool {
    match status {
        IfOperStatus::Up => true,
        IfOperStatus::Unknown => is_windows,
        _ => false,
    }
}

/// The address from which the system would send to an IPv4 group, by its routes.
///
/// # Errors
/// It cannot be asked; it may have no descriptors left.
pub(crate) fn route(group: SocketAddr) -> io::Result<Option<IpAddr>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // Connecting a UDP socket looks up the route, and sends nothing.
    let source = socket.connect(group).and_then(|()| socket.local_addr());
    Ok(source.ok().map(|source| source.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_of_unix_that_does_not_run_is_down() {
        for is_windows in [true, false] {
            assert!(is_up(&IfOperStatus::Up, is_windows));
            assert!(!is_up(&IfOperStatus::Down, is_windows));
            assert_eq!(is_up(&IfOperStatus::Unknown, is_windows), is_windows);
        }
    }

    #[test]
    fn this_host_has_a_loopback() {
        let loopback = list().expect("a list").into_iter().find(|f| f.interface.name == "lo");
        assert!(cfg!(not(target_os = "linux")) || loopback.is_some_and(|f| f.is_up));
    }
}
