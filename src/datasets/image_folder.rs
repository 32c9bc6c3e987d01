//! A folder of images: one sub-folder per class, or a single class.

use std::path::{Path, PathBuf};

use ddpm_utils::files::shown;
use ddpm_utils::images::{Fit, Folder, ImageFormat, ImagesError, check_memory, load_files};
use serde::{Deserialize, Serialize};

use super::images::{chosen, left_out};
use super::{ImageSet, LabelledImages};
use crate::error::Result;
use crate::error::require;

/// How many unreadable files are named.
const MAX_NAMED: usize = 1000;

/// The images in a folder, with its sub-folders as classes; without sub-folders there is one class.
///
/// Reads PNG, JPEG, GIF (the first frame), BMP, WebP and TIFF. Unreadable files are skipped, and listed in
/// [`LabelledImages::remarks`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageFolder {
    /// The folder.
    pub path: PathBuf,
    /// Height and width of every image.
    pub size: [i64; 2],
    /// 3 for RGB, 1 for grey.
    pub channels: i64,
    /// How images of another aspect ratio are fitted: cropped to the middle, or squeezed.
    pub fit: Fit,
    /// Whether mirror images are as likely as the images themselves.
    pub flips: bool,
}

impl Default for ImageFolder {
    fn default() -> Self {
        Self { path: PathBuf::from("data/images"), size: [32, 32], channels: 3, fit: Fit::Crop, flips: true }
    }
}

impl ImageSet for ImageFolder {
    fn shape(&self) -> [i64; 3] {
        [self.channels, self.size[0], self.size[1]]
    }

    fn flips(&self) -> bool {
        self.flips
    }

    fn classes(&self) -> Result<Vec<String>> {
        Ok(Folder::open(&self.path)?.classes)
    }

    fn load(&self, n: usize, seed: u64) -> Result<LabelledImages> {
        self.validate()?;
        load_folder(Folder::open(&self.path)?, self, n, seed)
    }

    fn path_mut(&mut self) -> Option<&mut PathBuf> {
        Some(&mut self.path)
    }

    fn validate(&self) -> Result<()> {
        require(matches!(self.channels, 1 | 3), "ImageFolder.channels", "3 (RGB) or 1 (grey)", self.channels)?;
        require_size("ImageFolder.size", self.size)
    }
}

/// Reads at most `n` files of a folder, in an order that follows from the seed.
pub(super) fn load_folder(folder: Folder, set: &ImageFolder, n: usize, seed: u64) -> Result<LabelledImages> {
    let [channels, height, width] = set.shape().map(|size| size as usize);
    let format = ImageFormat { height, width, channels, fit: set.fit };
    let chosen = chosen(folder.files.len(), n, seed);
    let paths: Vec<&Path> = chosen.iter().map(|index| folder.files[*index].path.as_path()).collect();
    let loaded = load_files(&paths, format)?;
    let named = |file: usize| shown(paths[file].strip_prefix(&folder.root).unwrap_or(paths[file]));
    let broken: Vec<String> = loaded.broken.iter().map(|(file, error)| format!("{} ({error})", named(*file))).collect();
    if loaded.read.is_empty() {
        let first = broken.first().cloned().unwrap_or_default();
        return Err(ImagesError::NothingReadable { path: folder.root.clone(), files: paths.len(), first }.into());
    }
    let mut remarks = vec![check_memory(loaded.read.len(), format)?];
    remarks.extend(left_out(chosen.len(), folder.files.len()));
    if !broken.is_empty() {
        let more = if broken.len() > MAX_NAMED { format!(" and {} more", broken.len() - MAX_NAMED) } else { String::new() };
        let first = broken[..broken.len().min(MAX_NAMED)].join(", ");
        let files = if broken.len() == 1 { "1 file".to_owned() } else { format!("{} files", broken.len()) };
        remarks.push(format!(
            "{files} could not be read and {}: {first}{more}",
            if broken.len() == 1 { "was skipped" } else { "were skipped" }
        ));
    }
    remarks.extend(folder.remarks);
    let labels = loaded.read.iter().map(|file| folder.files[chosen[*file]].class).collect();
    Ok(LabelledImages { pixels: loaded.pixels, labels, classes: folder.classes, remarks })
}

pub(super) fn require_size(field: &'static str, size: [i64; 2]) -> Result<()> {
    let possible = size.iter().all(|side| (1..=4096).contains(side));
    require(possible, field, "height and width of 1 to 4096", format!("{size:?}"))
}
