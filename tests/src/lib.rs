//! tamga-tests
