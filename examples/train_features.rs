//! Trains the network that comes with the project, and writes its weights to where the crate takes them from:
//!
//! ```text
//! cargo run --release --example train_features
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ddpm_tutor::features::{FlowerTraining, train_flower_features};

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    println!("| epoch | kinds | alterations | accuracy on paintings held out |\n|---|---|---|---|");
    let network = train_flower_features(&FlowerTraining::default(), |report| {
        let accuracy = 100.0 * report.accuracy;
        println!("| {} | {:.4} | {:.4} | {accuracy:.2} % |", report.epoch, report.kinds, report.alterations);
    })?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/features/flower_features.safetensors");
    network.save(&file)?;
    println!("\n{} in {:.0} s", file.display(), start.elapsed().as_secs_f64());
    Ok(())
}
