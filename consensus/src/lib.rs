//! tamga-consensus
