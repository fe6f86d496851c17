//! tamga-simulations
