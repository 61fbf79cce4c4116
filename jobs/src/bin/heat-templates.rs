//! `heat-templates`: arguments, and nothing else.

use std::process::ExitCode;

use clap::Parser;
use heat_jobs::author::{self, Arguments};

fn main() -> ExitCode {
    match author::run(&Arguments::parse(), &mut std::io::stdout().lock()) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("heat-templates: {error:#}");
            ExitCode::from(author::COULD_NOT_RUN)
        }
    }
}
