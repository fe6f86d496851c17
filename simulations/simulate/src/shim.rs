//! Time and randomness of a simulated thread: `clock_gettime` and `getrandom` of this binary in place of libc's.
//!
//! Everything the product takes from outside comes through seams. What remains are libraries: hash maps' seeds, the
//! `date` header of hyper, instants in h2, openraft's election timeouts by `rand`. They ask libc, and a symbol of the
//! executable comes before libc's, so that on a simulated thread they get simulated time and seeded bytes. All other
//! threads get the real ones by system call.
//!
//! This is the one file of the workspace with `unsafe` in it: defining a C symbol and writing through the caller's
//! pointer cannot be said otherwise. It is linked into no other program.
#![expect(unsafe_code, reason = "C symbols, and what C callers point to")]

use std::cell::Cell;
use std::time::Duration;

use libc::{c_int, c_uint, c_void, clockid_t, size_t, ssize_t, timespec};
use tamga_simulate::machine::Machine;

thread_local! {
    /// Nanoseconds since 1970 on this thread; 0: the real time.
    static NOW_NS: Cell<u64> = const { Cell::new(0) };
    /// State of the generator on this thread; `None`: real randomness.
    static STATE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// This process's libc.
#[derive(Debug)]
pub(crate) struct Shim;

impl Machine for Shim {
    fn seed(&self, seed: u64) {
        STATE.set(Some(seed));
    }

    fn set_now(&self, since_1970: Duration) {
        NOW_NS.set(u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// As clock_gettime(2); every clock of a simulated thread shows the simulation's time.
///
/// # Safety
/// `out` points to a `timespec`, as the caller of the C function promises.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, out: *mut timespec) -> c_int {
    let now_ns = NOW_NS.get();
    if now_ns == 0 {
        // SAFETY: the arguments go to the kernel as they came.
        return unsafe { libc::syscall(libc::SYS_clock_gettime, clock, out) } as c_int;
    }
    let time = timespec { tv_sec: (now_ns / 1_000_000_000) as i64, tv_nsec: (now_ns % 1_000_000_000) as i64 };
    // SAFETY: the caller's promise.
    unsafe { out.write(time) };
    0
}

/// As getrandom(2); a simulated thread gets the bytes that follow from its seed (SplitMix64).
///
/// # Safety
/// `out` points to `length` writable bytes, as the caller of the C function promises.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(out: *mut c_void, length: size_t, flags: c_uint) -> ssize_t {
    let Some(mut state) = STATE.get() else {
        // SAFETY: the arguments go to the kernel as they came.
        return unsafe { libc::syscall(libc::SYS_getrandom, out, length, flags) } as ssize_t;
    };
    if length == 0 {
        return 0;
    }
    // SAFETY: the caller's promise; `length` is not zero, so that `out` is not null.
    let bytes = unsafe { std::slice::from_raw_parts_mut(out.cast::<u8>(), length) };
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
    }
    STATE.set(Some(state));
    length as ssize_t
}
