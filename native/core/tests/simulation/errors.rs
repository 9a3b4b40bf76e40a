//! Errors of the system, by their numbers on Linux.

use native_gossip_core::event::SystemError;

pub(crate) const EPERM: i32 = 1;
pub(crate) const EAGAIN: i32 = 11;
pub(crate) const ENODEV: i32 = 19;
pub(crate) const EINVAL: i32 = 22;
pub(crate) const EMFILE: i32 = 24;
pub(crate) const EADDRINUSE: i32 = 98;
pub(crate) const EADDRNOTAVAIL: i32 = 99;
pub(crate) const ENETDOWN: i32 = 100;
pub(crate) const ENETUNREACH: i32 = 101;
pub(crate) const ENOBUFS: i32 = 105;

/// Those that a send was seen to fail with.
pub(crate) const OF_SENDS: [i32; 8] =
    [ENETUNREACH, EADDRNOTAVAIL, EPERM, ENOBUFS, EAGAIN, ENODEV, EINVAL, ENETDOWN];

pub(crate) fn error(code: i32) -> SystemError {
    SystemError { code: Some(code), text: format!("error {code}") }
}
