//! An allocator that counts, for tests that say how much memory something takes. C libraries have their own.
#![allow(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

static PROCESS_BYTES: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<i64> = const { Cell::new(0) };
}

pub struct Counting;

fn note(calls: u64, bytes: i64) {
    CALLS.with(|count| count.set(count.get() + calls));
    LIVE_BYTES.with(|live| live.set(live.get() + bytes));
    PROCESS_BYTES.fetch_add(bytes, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches an atomic and plain thread-local
// cells only, which are made without allocating and have no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as i64);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -(layout.size() as i64));
        // SAFETY: as above; the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

impl Counting {
    /// Bytes that this thread has allocated and not freed.
    pub fn live_bytes() -> i64 {
        LIVE_BYTES.with(Cell::get)
    }

    /// Bytes that all threads together have allocated and not freed.
    pub fn process_bytes() -> i64 {
        PROCESS_BYTES.load(Ordering::Relaxed)
    }
}

/// How often `work` calls the allocator for new memory.
pub fn allocations_of(work: impl FnOnce()) -> u64 {
    let before = CALLS.with(Cell::get);
    work();
    CALLS.with(Cell::get) - before
}
