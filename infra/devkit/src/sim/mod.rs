//! Simulated upstream systems: servers in this process that answer as the real ones do, misbehave on demand, and
//! remember what they were asked.

mod fault;
mod http;
mod json;
pub mod juggler;
pub mod zabbix;

pub use fault::{Asked, Fault, Rule};
pub use juggler::{Juggler, Options as JugglerOptions, RawEvent};
pub use zabbix::{Access, OpenProblem, Options as ZabbixOptions, Raise, Version, Zabbix};
