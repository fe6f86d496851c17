//! Bugs planted in the product's code (feature `planted-bugs`), and within how many seeds each has to be found: at least
//! twice as many as it took when it was measured. Two have not been found yet; README.md of the simulations says which.

/// A planted bug.
#[derive(Debug, Clone, Copy)]
pub struct Bug {
    /// Its name, for `--bug`.
    pub name: &'static str,
    /// What is wrong.
    pub what: &'static str,
    /// To be found within so many seeds, from seed 1 on.
    pub seeds: u64,
}

/// All of them.
pub const ALL: &[Bug] = &[
    Bug { name: "wal-sync-skipped", what: "the write-ahead log answers without a sync", seeds: 10 },
    Bug { name: "vote-not-durable", what: "a ballot is given and never written", seeds: 10 },
    Bug { name: "truncation-lost", what: "entries dropped from the log stay on disk", seeds: 10 },
    Bug { name: "election-ignores-logs", what: "a vote goes to candidates with shorter logs", seeds: 40 },
    Bug { name: "read-without-barrier", what: "a linearizable read asks no quorum", seeds: 10 },
    Bug { name: "promise-before-commit", what: "a verdict is promised from local state, before the commit", seeds: 10 },
    Bug { name: "time-of-own-clock", what: "apply takes the time from its own clock", seeds: 10 },
    Bug { name: "cosigning-not-synced", what: "a cosignature leaves before the memory of it is durable", seeds: 10 },
    Bug {
        name: "published-before-synced",
        what: "a checkpoint is shown before ledger and archive are durable",
        seeds: 10,
    },
    Bug { name: "outbox-forgets-early", what: "a record leaves the outbox when it is forwarded", seeds: 200 },
    Bug { name: "outbox-sync-skipped", what: "a pending promise leaves before its record is durable", seeds: 400 },
    Bug { name: "cosigns-smaller", what: "a cosigner signs sizes below what it has signed", seeds: 400 },
];

/// Above so many seeds a bug is looked for before a release, not in every run of the tests.
pub const SEEDS_IN_TESTS: u64 = 40;
