//! Writes samples to a file, whose extension chooses the format.

use std::path::{Path, PathBuf};

use ddpm_tutor::npy::write_npy;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use ddpm_utils::atomic::write_atomic;

/// A file to write samples to.
#[derive(Clone)]
pub struct Output {
    path: PathBuf,
    format: Format,
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Npy,
    Json,
    Png,
    Gif,
}

impl Output {
    /// Parses the value of `--out` and checks its extension.
    pub fn parse(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let format =
            match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
                Some("npy") => Format::Npy,
                Some("json") => Format::Json,
                Some("png") => Format::Png,
                Some("gif") => Format::Gif,
                other => {
                    let got = other.map_or_else(|| "no extension".to_owned(), |extension| format!(".{extension}"));
                    return Err(format!("expected a name ending in .npy, .json, .png or .gif, got {got}"));
                }
            };
        Ok(Self { path, format })
    }

    /// As [`Output::parse`], but accepts only `.npy`.
    pub fn parse_npy(text: &str) -> Result<Self, String> {
        let output = Self::parse(text)?;
        if output.format == Format::Npy { Ok(output) } else { Err("expected a name ending in .npy".to_owned()) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks, before sampling, whether the file can be written.
    pub fn check(&self) -> Result<()> {
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let wrong = |problem: String| Err(Error::Path { path: self.path.clone(), problem });
        if !folder.is_dir() {
            return wrong(format!("the folder {} does not exist; create it first", folder.display()));
        }
        if self.path.is_dir() {
            return wrong("this is a folder; give the name of a file".to_owned());
        }
        match create_probe_in(folder) {
            Ok(()) => Ok(()),
            Err(error) => wrong(format!("the folder {} cannot be written to: {error}", folder.display())),
        }
    }

    /// The picture that the logger has to draw.
    pub fn infer_type(&self, images: bool) -> InferType {
        match self.format {
            Format::Npy | Format::Json => InferType::None,
            Format::Png if images => InferType::Image,
            Format::Png => InferType::Plot,
            Format::Gif => InferType::Gif,
        }
    }

    /// Writes the samples. `timesteps`: those of the process or the sampler; `None` for a process in continuous time.
    pub fn write(
        &self,
        samples: &Tensor,
        seed: u64,
        timesteps: Option<usize>,
        picture: Option<&Picture>,
    ) -> Result<()> {
        match (self.format, picture) {
            (Format::Npy, _) => self.write_npy(samples),
            (Format::Json, _) => {
                let values = nested(&samples.to_device(Device::Cpu))?;
                let json = serde_json::json!({ "seed": seed, "timesteps": timesteps, "samples": values });
                Ok(write_atomic(&self.path, format!("{json}\n").as_bytes())?)
            }
            (_, Some(picture)) => Ok(picture.save(&self.path)?),
            (_, None) => Err(Error::Unsupported("no picture of these samples was drawn".to_owned())),
        }
    }

    /// Writes a tensor of any shape as `.npy`, whatever the extension is.
    pub fn write_npy(&self, values: &Tensor) -> Result<()> {
        write_npy(&self.path, values)
    }
}

fn create_probe_in(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join(format!(".ddpm-probe-{}", std::process::id()));
    std::fs::File::create_new(&probe)?;
    std::fs::remove_file(probe)
}

/// Nested lists, as deep as the tensor has dimensions.
fn nested(samples: &Tensor) -> Result<serde_json::Value> {
    if samples.dim() <= 1 {
        let values: Vec<f32> = Vec::try_from(samples)?;
        return Ok(values.into());
    }
    (0..samples.size()[0]).map(|i| nested(&samples.select(0, i))).collect()
}
