//! tamga-client
