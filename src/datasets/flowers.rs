//! Photographs of five kinds of flowers.

use std::path::{Path, PathBuf};

use ddpm_utils::images::{Fit, Folder};
use serde::{Deserialize, Serialize};

use super::image_folder::{load_folder, require_size};
use super::{ImageFolder, ImageSet, LabelledImages};
use crate::error::{Error, Result};

/// The classes, each with the possible names of its folder.
const CLASSES: [(&str, &[&str]); 5] = [
    ("daisy", &["daisy"]),
    ("dandelion", &["dandelion"]),
    ("rose", &["rose", "roses"]),
    ("sunflower", &["sunflower", "sunflowers"]),
    ("tulip", &["tulip", "tulips"]),
];

/// Photographs of daisies, dandelions, roses, sunflowers and tulips; `data/flowers/README.md` has their source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flowers {
    /// The folder with one folder per class, or with a folder `flower_photos` that contains them.
    pub path: PathBuf,
    /// Height and width of every image.
    pub size: [i64; 2],
    /// Whether mirror images are as likely as the images themselves.
    pub flips: bool,
}

impl Default for Flowers {
    fn default() -> Self {
        Self { path: PathBuf::from("data/flowers"), size: [32, 32], flips: true }
    }
}

impl Flowers {
    /// The files and their classes, without opening them.
    ///
    /// # Errors
    /// [`Error::NoData`] if the folder contains none of the classes; errors of reading folders.
    pub fn files(&self) -> Result<Folder> {
        let Some(folder) = [self.path.join("flower_photos"), self.path.clone()].into_iter().find(|path| is_there(path))
        else {
            return Err(Error::NoData {
                name: "flowers",
                path: self.path.clone(),
                problem: "it contains none of the folders daisy, dandelion, rose, sunflower, tulip".to_owned(),
                instead: "; or use painted-flowers, which needs no files",
            });
        };
        Ok(Folder::open_classes(&folder, &CLASSES)?)
    }
}

/// Whether a folder contains one of the classes.
fn is_there(folder: &Path) -> bool {
    CLASSES.iter().any(|(_, names)| names.iter().any(|name| folder.join(name).is_dir()))
}

impl ImageSet for Flowers {
    fn shape(&self) -> [i64; 3] {
        [3, self.size[0], self.size[1]]
    }

    fn flips(&self) -> bool {
        self.flips
    }

    fn classes(&self) -> Result<Vec<String>> {
        match self.files() {
            Ok(folder) => Ok(folder.classes),
            // Without the photographs: the names of all classes.
            Err(Error::NoData { .. }) => Ok(CLASSES.map(|(class, _)| class.to_owned()).to_vec()),
            Err(error) => Err(error),
        }
    }

    fn load(&self, n: usize, seed: u64) -> Result<LabelledImages> {
        self.validate()?;
        let set =
            ImageFolder { path: self.path.clone(), size: self.size, channels: 3, fit: Fit::Crop, flips: self.flips };
        load_folder(self.files()?, &set, n, seed)
    }

    fn path_mut(&mut self) -> Option<&mut PathBuf> {
        Some(&mut self.path)
    }

    fn validate(&self) -> Result<()> {
        require_size("Flowers.size", self.size)
    }
}
