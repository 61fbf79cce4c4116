//! Heat's updater: reads the monitoring systems and the inventory, and publishes what they say.

pub mod matching;
pub mod upstream;
