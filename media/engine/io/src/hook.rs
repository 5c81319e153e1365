//! What is said of a panic in a shard's thread: where it was, and nothing of what was being worked on. The message of a
//! panic may hold bytes of a packet, so that it is neither printed nor kept.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Once;

thread_local! {
    static IS_SHARD: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Puts our hook before the one that there is, once for the process; other threads' panics are passed on to that.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if IS_SHARD.get() {
                note(info.location());
            } else {
                others(info);
            }
        }));
    });
}

/// From now on this thread's panics are told in our way.
pub(crate) fn watch_this_thread() {
    IS_SHARD.set(true);
}

/// Where this thread panicked last, as `file:line`; empty if it has not.
pub(crate) fn place() -> String {
    PLACE.with(|place| place.borrow().clone())
}

fn note(location: Option<&Location<'_>>) {
    let now = location.map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
    PLACE.with(|place| {
        // One that an event will not tell is told here; the same place again says nothing new.
        if *place.borrow() != now {
            eprintln!("shard: panic at {now}");
            *place.borrow_mut() = now;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a shard's thread keeps of its panic is the place, without the message.
    #[test]
    fn a_shard_keeps_the_place_and_not_the_message() {
        install();
        let thread = std::thread::spawn(|| {
            watch_this_thread();
            let line = line!() + 1;
            let caught = std::panic::catch_unwind(|| panic!("bytes of a packet"));
            assert!(caught.is_err());
            (place(), line)
        });
        let (place, line) = thread.join().unwrap();
        assert_eq!(place, format!("{}:{line}", file!()));
    }
}
