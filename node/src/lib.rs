//! tamga-node
