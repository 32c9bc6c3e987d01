//! The files of an inference log: a picture, and its samples.

use std::fs;
use std::path::{Path, PathBuf};

use ddpm_utils::atomic::write_atomic;
use ddpm_utils::display::Picture;
use serde_json::json;
use tch::Tensor;

use crate::error::{Error, Result};
use crate::npy::{read_npy, write_npy};
use crate::points::to_points;

/// The file that is written last: if it exists, all do.
pub(crate) const SAMPLES_FILE: &str = "samples.json";

/// The folder of a log.
#[derive(Debug, Clone)]
pub(crate) enum LogFolder {
    /// The next numbered folder under this one.
    Numbered(PathBuf),
    /// This folder, whose files are replaced.
    This(PathBuf),
}

/// Samples, with what is needed to draw them again.
#[derive(Debug)]
pub(crate) struct Samples {
    /// `[N, …]`, f32.
    pub samples: Tensor,
    /// The seed that they were drawn with, if it is known.
    pub seed: Option<u64>,
    pub timesteps: usize,
}

impl LogFolder {
    /// Writes the picture under its name, and the samples. Returns the paths of the files.
    pub fn write(&self, (name, picture): (&str, &Picture), samples: &Samples) -> Result<Vec<PathBuf>> {
        let folder = match self {
            LogFolder::Numbered(logs) => next_folder(logs)?,
            LogFolder::This(folder) => {
                fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
                folder.clone()
            }
        };
        let picture_file = folder.join(name).with_extension(picture.mime.ending());
        picture.save(&picture_file)?;
        Ok([vec![picture_file], samples.write(&folder)?].concat())
    }
}

impl Samples {
    /// Points are stored in the JSON file; images in an array next to it.
    fn write(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let (json_file, npy_file) = (folder.join(SAMPLES_FILE), folder.join("samples.npy"));
        let mut files = vec![json_file.clone()];
        let samples = if self.samples.dim() == 2 {
            let points: Vec<[f32; 2]> = to_points(&self.samples)?.rows().into_iter().map(|p| [p[0], p[1]]).collect();
            json!(points)
        } else {
            write_npy(&npy_file, &self.samples)?;
            files.push(npy_file);
            json!("samples.npy")
        };
        let note = json!({ "seed": self.seed, "timesteps": self.timesteps, "samples": samples });
        write_atomic(&json_file, format!("{note}\n").as_bytes())?;
        Ok(files)
    }
}

/// Reads the images of a log, `[N, C, H, W]`.
///
/// # Errors
/// [`Error::Path`] if they are missing or damaged.
pub(crate) fn read_images(folder: &Path) -> Result<Tensor> {
    let path = folder.join("samples.npy");
    let images = read_npy(&path)?;
    if images.dim() == 4 && images.numel() > 0 {
        return Ok(images);
    }
    Err(Error::Path { path, problem: format!("expected images, [N, C, H, W], got {:?}", images.size()) })
}

/// Creates the folder with the next free number: `0001`, `0002`, …
fn next_folder(logs: &Path) -> Result<PathBuf> {
    fs::create_dir_all(logs).map_err(Error::io("create", logs))?;
    let entries = fs::read_dir(logs).map_err(Error::io("read", logs))?;
    let number = |name: std::ffi::OsString| name.to_str().and_then(|name| name.parse::<u32>().ok());
    let mut next = entries.flatten().filter_map(|entry| number(entry.file_name())).max().unwrap_or(0) + 1;
    loop {
        let folder = logs.join(format!("{next:04}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            // Another process has just taken this number.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => next += 1,
            Err(error) => return Err(Error::io("create", folder)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_folders_get_the_next_number() {
        let logs = tempfile::tempdir().unwrap();
        assert!(next_folder(logs.path()).unwrap().ends_with("0001"));
        fs::create_dir(logs.path().join("0041")).unwrap();
        fs::create_dir(logs.path().join("epoch_0099")).unwrap();
        assert!(next_folder(logs.path()).unwrap().ends_with("0042"));
    }

    #[test]
    fn images_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let samples = Tensor::randn([3, 1, 4, 5], tch::kind::FLOAT_CPU);
        let log = Samples { samples: samples.shallow_clone(), seed: Some(7), timesteps: 10 };
        assert_eq!(log.write(folder.path()).unwrap().len(), 2);
        assert_eq!(read_images(folder.path()).unwrap(), samples);
        fs::write(folder.path().join("samples.npy"), b"half a fi").unwrap();
        assert!(read_images(folder.path()).unwrap_err().to_string().contains("samples.npy"));
    }
}
