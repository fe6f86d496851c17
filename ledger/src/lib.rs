//! tamga-ledger
