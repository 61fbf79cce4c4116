//! Telling Zabbix what is acknowledged in Heat, and asking it whether it was told.

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Api, CallError, Version};
use super::wire::AnswerError;
use super::{FetchError, Options};

/// The bits of `event.acknowledge`.
const ACKNOWLEDGE: u32 = 2;
const MESSAGE: u32 = 4;
const UNACKNOWLEDGE: u32 = 16;

/// The longest message, in characters.
pub const LONGEST_MESSAGE: usize = 2048;

/// What Zabbix is told of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody acknowledged it.
    Given,
    /// The acknowledgement has ended.
    Ended,
}

/// An attempt that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NotTold {
    /// What happened and what an operator can do about it, one sentence.
    pub reason: String,
    /// Zabbix answered that it did nothing; otherwise it may have done it.
    pub refused: bool,
}

/// Tells one Zabbix.
#[derive(Debug)]
pub struct Acknowledger {
    api: Api,
}

#[derive(Debug, Deserialize)]
struct Row {
    /// Required: where it is missing, absence proves nothing.
    acknowledges: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    message: String,
}

impl Acknowledger {
    /// Prepares a client; nothing is sent yet.
    pub fn new(options: &Options) -> Result<Self, FetchError> {
        let api = Api::new(&options.url, options.token.clone(), options.timeout, options.max_body)?;
        Ok(Self { api })
    }

    /// Tells it, in one attempt.
    pub async fn tell(&mut self, event: &str, step: Step, message: &str) -> Result<(), NotTold> {
        let action = match step {
            Step::Given => ACKNOWLEDGE | MESSAGE,
            Step::Ended => UNACKNOWLEDGE | MESSAGE,
        };
        let method = "event.acknowledge";
        let params = json!({ "eventids": [event], "action": action, "message": message });
        self.api.tell::<Value>(method, &params).await.map(drop).map_err(|error| self.not_told(method, &error))
    }

    /// Whether a message of the event ends with the line `mark`; none if Zabbix does not have the event, or not for Heat.
    pub async fn was_told(&mut self, event: &str, mark: &str) -> Result<Option<bool>, NotTold> {
        let method = "event.get";
        let version = self.api.version().await.map_err(|error| self.not_told("apiinfo.version", &error))?;
        let mut params =
            json!({ "eventids": [event], "output": ["eventid"], "selectAcknowledges": ["message"] });
        // The older name; older versions pass over what they do not know.
        if version < Version::PROXY_GROUPS {
            params["select_acknowledges"] = json!(["message"]);
        }
        let rows = self.api.get::<Vec<Row>>(method, &params).await;
        let rows = rows.map_err(|error| self.not_told(method, &error))?;
        let marked = |row: &Row| row.acknowledges.iter().any(|r| r.message.lines().next_back() == Some(mark));
        Ok(rows.first().map(marked))
    }

    fn not_told(&self, method: &str, error: &CallError) -> NotTold {
        let refused = matches!(error, CallError::Answer(AnswerError::Refused { .. }));
        NotTold { reason: self.api.explain(method, error), refused }
    }
}
