//! `ddpm data`: downloads a data set, or copies one into its folder.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;

use crate::fetch::{fetch, fetchable};
use crate::say::say;

/// Downloads resume where they were interrupted, and are accepted only if their size and SHA-256 are right.
#[derive(Args)]
pub struct Data {
    /// flowers, mnist, fashion-mnist, cifar10 or cifar100; without it, the available ones are listed
    name: Option<String>,
    /// Take the data from this folder or archive (.tgz, .tar.gz, .zip) instead of the network
    #[arg(long, value_name = "PATH", requires = "name")]
    from: Option<PathBuf>,
    /// The folder that holds the data sets
    #[arg(long, value_name = "DIR", default_value = "data")]
    dir: PathBuf,
}

impl Data {
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        let Some(name) = &self.name else {
            return Ok(say(format!("ddpm data NAME downloads one of: {}", fetchable().join(", ")))?);
        };
        let found = fetch(name, &self.dir, self.from.as_deref())?;
        say(format!("{name} is in {}", self.dir.join(name).display()))?;
        Ok(found.iter().try_for_each(|line| say(format!("  {line}")))?)
    }
}
