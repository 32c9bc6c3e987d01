//! The methods that all data sets of the catalogue share.

use std::path::PathBuf;

use ndarray::Array2;
use serde::Serialize;

use super::catalogue::{Samples, SamplesMut};
use super::point_set::draw;
use super::{Dataset, ImageSet, PointSet};
use crate::error::{Error, Result, require};

fn own(label: &str) -> Error {
    Error::Unsupported(format!(
        "{label:?} is your own data: pass it to DataLoader::new in a notebook, since no more of it can be drawn here; \
         the command line trains on the built-in sets"
    ))
}

impl Dataset {
    /// The shape of one sample: `[2]` for points, `[C, H, W]` for images.
    pub fn shape(&self) -> Vec<i64> {
        match self.samples() {
            Samples::Points(_) => vec![2],
            Samples::Images(set) => set.shape().to_vec(),
            Samples::Own { shape, .. } => shape.to_vec(),
        }
    }

    /// The distribution to draw points from.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for images and for the reader's own data.
    pub fn points(&self) -> Result<&dyn PointSet> {
        match self.samples() {
            Samples::Points(set) => Ok(set),
            Samples::Images(_) => Err(Error::Unsupported(format!("{} contains images, not points", self.name()))),
            Samples::Own { label, .. } => Err(own(label)),
        }
    }

    /// The images to load, if it is a built-in set of images.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for points and for the reader's own data.
    pub fn images(&self) -> Result<&dyn ImageSet> {
        match self.samples() {
            Samples::Images(set) => Ok(set),
            Samples::Points(_) => Err(Error::Unsupported(format!("{} contains points, not images", self.name()))),
            Samples::Own { label, .. } => Err(own(label)),
        }
    }

    /// Whether its samples are images.
    pub fn is_images(&self) -> bool {
        match self.samples() {
            Samples::Points(_) => false,
            Samples::Images(_) => true,
            Samples::Own { shape, .. } => shape.len() == 3,
        }
    }

    /// The names of its classes, in the order of their labels, without reading any images; points have none. The
    /// classes of a folder of images are its sub-folders, so it has to exist.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for the reader's own data, whose classes only its `DataLoader` knows; errors of listing a
    /// folder.
    pub fn classes(&self) -> Result<Vec<String>> {
        match self.samples() {
            Samples::Points(_) => Ok(Vec::new()),
            Samples::Images(set) => set.classes(),
            Samples::Own { label, .. } => Err(own(label)),
        }
    }

    /// Draws `n` points, shape `[n, 2]`: the same for the same seed, on every machine.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for images and for the reader's own data.
    pub fn sample(&self, n: usize, seed: u64) -> Result<Array2<f32>> {
        Ok(draw(self.points()?, n, seed))
    }

    /// The folder of its files, if it has files.
    pub fn path_mut(&mut self) -> Option<&mut PathBuf> {
        match self.samples_mut() {
            SamplesMut::Images(set) => set.path_mut(),
            SamplesMut::Points | SamplesMut::Own => None,
        }
    }

    /// Height and width of its images, if it scales them.
    pub fn size(&self) -> Option<[i64; 2]> {
        let settings = serde_json::to_value(self).ok()?;
        serde_json::from_value(settings.get("size")?.clone()).ok()
    }

    /// Changes a setting, by its name in a configuration. Returns whether the data set has it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a value of another type.
    pub fn set(&mut self, setting: &str, value: impl Serialize) -> Result<bool> {
        let refused = |error: serde_json::Error| Error::Unsupported(format!("{setting} of a data set: {error}"));
        // JSON may not be able to represent the name of a folder.
        let path = self.path_mut().map(std::mem::take);
        let mut settings = serde_json::to_value(&*self).map_err(refused)?;
        let found = settings.get_mut(setting).filter(|_| setting != "name");
        let has_it = found.is_some();
        if let Some(place) = found {
            *place = serde_json::to_value(value).map_err(refused)?;
            *self = serde_json::from_value(settings).map_err(refused)?;
        }
        if let (Some(place), Some(path)) = (self.path_mut(), path) {
            *place = path;
        }
        Ok(has_it)
    }

    /// The configuration is JSON, which is UTF-8: another name could be read now, but not stored.
    fn check_path(&self) -> Result<()> {
        let mut set = self.clone();
        let Some(path) = set.path_mut().filter(|path| path.to_str().is_none()) else { return Ok(()) };
        let problem = "the name of this folder is not UTF-8, so config.json cannot contain it: rename the folder, or make a \
                       link to it (ln -s) with another name";
        Err(Error::Path { path: path.clone(), problem: problem.to_owned() })
    }

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first invalid setting, [`Error::Path`] for a folder that the configuration cannot
    /// contain.
    pub fn validate(&self) -> Result<()> {
        match self.samples() {
            Samples::Own { shape, .. } => {
                let possible = matches!(shape.len(), 1 | 3) && shape.iter().all(|size| *size >= 1);
                require(possible, "Dataset.shape", "[D] or [C, H, W] with sizes of at least 1", format!("{shape:?}"))
            }
            Samples::Images(set) => {
                self.check_path()?;
                set.validate()
            }
            Samples::Points(set) => {
                let noise = set.noise();
                require((0.0..=10.0).contains(&noise), "Dataset.noise", "0 to 10", noise)?;
                set.validate()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::SwissRoll;

    #[test]
    fn every_set_is_seeded_finite_and_about_as_large_as_the_noise() {
        for name in Dataset::ENTRIES.iter().map(|entry| entry.name) {
            let set = Dataset::from_name(name).unwrap();
            set.validate().unwrap();
            assert_eq!(set.name(), name);
            let declared = if set.is_images() { 3 } else { 1 };
            assert_eq!(set.shape().len(), declared, "{name}: not what the catalogue declares");
            if set.is_images() {
                continue;
            }
            let points = set.sample(4_000, 7).unwrap();
            assert_eq!(points, set.sample(4_000, 7).unwrap(), "{name}: the same seed");
            assert_ne!(points, set.sample(4_000, 8).unwrap(), "{name}: another seed");
            assert!(points.iter().all(|x| x.is_finite() && x.abs() < 2.0), "{name}");
            let std = points.std(0.0);
            assert!((0.4..1.1).contains(&std), "{name}: {std}");
        }
    }

    #[test]
    fn unknown_settings_are_refused() {
        let parse = |text: &str| serde_json::from_str::<Dataset>(text);
        assert_eq!(parse(r#"{"name": "swiss-roll"}"#).unwrap(), Dataset::default());
        assert!(parse(r#"{"name": "swiss-roll", "nois": 0.1}"#).unwrap_err().to_string().contains("nois"));
        assert!(parse(r#"{"name": "swiss-rol"}"#).unwrap_err().to_string().contains("swiss-roll"));
        let slip = Dataset::from_name("SwisRoll").unwrap_err().to_string();
        assert!(slip.contains("one of swiss-roll, spiral") && slip.contains("did you mean \"swiss-roll\"?"), "{slip}");
        let noisy = Dataset::SwissRoll(SwissRoll { noise: f64::NAN });
        assert!(noisy.validate().is_err());
    }
}
