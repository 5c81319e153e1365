//! Several sends in one call to the kernel (sendmmsg): who has the same picture or the same sound sent to many would otherwise
//! pay for a way into the kernel and back for each of them.

use engine_core::{Outbox, Transmit};
use nix::sys::socket::{sendmmsg, ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage};
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::os::fd::RawFd;

/// Sends in one call.
const AT_ONCE: usize = 32;

/// What the kernel reads, kept by each thread between its calls.
struct Scratch {
    /// Of sends of one datagram each.
    whole: MultiHeaders<SockaddrStorage>,
    /// Of such as are cut into several (UDP GSO), with room for the control message that says so.
    cut: MultiHeaders<SockaddrStorage>,
    to: Vec<Option<SockaddrStorage>>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        whole: MultiHeaders::preallocate(AT_ONCE, None),
        cut: MultiHeaders::preallocate(AT_ONCE, Some(nix::cmsg_space!(u16))),
        to: Vec::with_capacity(AT_ONCE),
    });
}

/// Sends the first of a run ([`Outbox::runs`]), and gives how many the kernel took.
///
/// # Errors
/// What the kernel says of the first one; of a later one it says nothing, but takes those before it.
pub(crate) fn send_many(socket: RawFd, run: &[Transmit], outbox: &Outbox) -> io::Result<usize> {
    let run = &run[..run.len().min(AT_ONCE)];
    let Some(first) = run.first() else {
        return Ok(0);
    };
    let slices: [[IoSlice<'_>; 1]; AT_ONCE] = std::array::from_fn(|at| {
        let bytes = run.get(at).map_or(&[][..], |send| outbox.bytes(send));
        [IoSlice::new(bytes)]
    });
    let segment = first.segment_size as u16;
    SCRATCH.with_borrow_mut(|scratch| {
        let Scratch { whole, cut, to } = scratch;
        to.clear();
        to.extend(run.iter().map(|send| Some(send.to.into())));
        let (control, headers) = if first.segments > 1 {
            (Some(ControlMessage::UdpGsoSegments(&segment)), cut)
        } else {
            (None, whole)
        };
        let (slices, control) = (&slices[..run.len()], control.as_slice());
        let sent = sendmmsg(socket, headers, slices, to, control, MsgFlags::empty())?;
        Ok(sent.count())
    })
}
