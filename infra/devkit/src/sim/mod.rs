//! Simulated upstream systems: servers in this process that answer as the real ones do, misbehave on demand, and
//! remember what they were asked.
//!
//! A test starts [`Zabbix`], [`Juggler`] or [`Startrek`] alone and decides everything itself. A demonstration starts them
//! all over a generated [`World`](crate::world::World), with the page that plays scenarios, in one call:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! use heat_devkit::sim::{Simulation, SimulationOptions};
//!
//! let simulation = Simulation::start(SimulationOptions::default()).await?;
//! println!("HEAT_ZABBIX_URL={} HEAT_ZABBIX_TOKEN={}", simulation.zabbix_url(), simulation.zabbix_token());
//! println!("HEAT_JUGGLER_URL={} HEAT_JUGGLER_TOKEN={}", simulation.juggler_url(), simulation.juggler_token());
//! println!("HEAT_STARTREK_URL={} HEAT_STARTREK_TOKEN={}", simulation.startrek_url(), simulation.startrek().token());
//! println!("http://{}/demo/", simulation.control_addr());
//! // The inventory of the same world: heat_devkit::racktables::sql(simulation.world(), …)
//! assert_eq!(simulation.world().locations.len(), 9);
//! # Ok(()) }
//! ```

mod control;
mod fault;
pub(crate) mod http;
mod json;
pub mod juggler;
pub mod startrek;
pub mod zabbix;

pub use control::{Options as SimulationOptions, Simulation};
pub use fault::{Asked, Fault, Rule};
pub use juggler::{Juggler, Options as JugglerOptions, RawEvent};
pub use startrek::{Options as StartrekOptions, Startrek};
pub use zabbix::{Access, OpenProblem, Options as ZabbixOptions, Raise, Version, Zabbix};
