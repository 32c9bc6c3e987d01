//! `ddpm doctor`: which libtorch this program runs on, and whether it computes.

use clap::Args;
use ddpm_tutor::cuda::{cuda_devices, load_cuda, try_cuda};
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde::Serialize;

use crate::say::{count, device_name, say};

#[derive(Args)]
pub struct Doctor {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Part {
    part: &'static str,
    ok: bool,
    version: String,
    detail: String,
}

impl Doctor {
    pub fn run(self) -> Result<()> {
        // CUDA first: libtorch looks for it only once, at the first call.
        let parts = [cuda_library(), libtorch(), device()];
        if self.json {
            say(serde_json::json!(parts))?;
        } else {
            for Part { part, ok, version, detail } in &parts {
                let verdict = if *ok { "ok" } else { "NOT" };
                say(format!("{part:<13} {verdict:<4} {version:<14} {detail}"))?;
            }
        }
        match parts.iter().find(|part| !part.ok) {
            None => Ok(()),
            Some(part) => Err(Error::Unsupported(format!("{} does not work: {}", part.part, part.detail))),
        }
    }
}

fn libtorch() -> Part {
    let sum = Tensor::ones([64, 64], tch::kind::FLOAT_CPU).matmul(&Tensor::ones([64, 64], tch::kind::FLOAT_CPU));
    let ok = sum.max().double_value(&[]) == 64.0;
    let detail = format!("loaded; {} threads; MKL {}", tch::get_num_threads(), tch::utils::has_mkl());
    Part { part: "libtorch", ok, version: env!("DDPM_LIBTORCH_VERSION").to_owned(), detail }
}

/// A machine without CUDA is not at fault, so this part is always ok.
fn cuda_library() -> Part {
    let detail = match load_cuda() {
        Ok(()) if cfg!(target_os = "linux") => "loaded".to_owned(),
        Ok(()) => "none on this system".to_owned(),
        Err(error) => format!("not loaded: {error}"),
    };
    Part { part: "CUDA library", ok: true, version: String::new(), detail }
}

fn device() -> Part {
    let (ok, detail) = match DeviceChoice::Auto.resolve() {
        Ok(device) => {
            let ones = Tensor::ones([8], (Kind::Float, device));
            let ok = ones.sum(Kind::Float).double_value(&[]) == 8.0;
            let mut detail =
                format!("computes on {}; {} seen", device_name(device), count(cuda_devices(), "CUDA device"));
            for (n, problem) in (0..cuda_devices()).filter_map(|n| Some((n, try_cuda(n).err()?))) {
                detail += &format!("; number {n} does not compute: {problem}");
            }
            (ok, detail)
        }
        Err(error) => (false, error.to_string()),
    };
    Part { part: "device", ok, version: String::new(), detail }
}
