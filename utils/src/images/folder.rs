//! The content of a folder of images: its classes, its files, and what is skipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::ImagesError;
use crate::files::{describe, head};

/// The file extensions of the supported kinds.
const READ: [&str; 11] = ["png", "apng", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "webp", "tif", "tiff"];
/// Pictures of other kinds, which are reported, since somebody may miss them.
const OTHER: [&str; 16] =
    ["heic", "heif", "avif", "jxl", "jp2", "svg", "psd", "ico", "ppm", "pgm", "pbm", "pnm", "tga", "exr", "dds", "qoi"];
/// The same by content, since a name may be wrong or have no extension.
const READ_CONTENT: [&str; 6] =
    ["a PNG image", "a JPEG image", "a GIF image", "a BMP image", "a WebP image", "a TIFF image"];
/// How deep the folder of a class is searched.
const DEPTH: usize = 16;

/// An image file and its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    /// Its path.
    pub path: PathBuf,
    /// Its class, an index into the folder's classes.
    pub class: usize,
}

/// A folder with one subfolder per class, or with the images of one class.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder, with all links resolved.
    pub root: PathBuf,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The files, by class and then by path.
    pub files: Vec<ImageFile>,
    /// What was skipped, one line each.
    pub remarks: Vec<String>,
}

impl Folder {
    /// Lists a folder. The subfolders that contain images are the classes, sorted by name. If there are none, the folder's
    /// images form one class, named after it. If the name of a file does not determine its type, its first bytes do.
    ///
    /// # Errors
    /// [`ImagesError`] if the folder does not exist, cannot be listed or contains no image files.
    pub fn open(path: &Path) -> Result<Self, ImagesError> {
        let mut folder = Self::empty(path)?;
        let mut walk = Walk::new(&folder.root);
        let (loose, folders) = walk.entries(&folder.root)?;
        for path in folders {
            folder.add(walk.files(&path, DEPTH)?, name(&path));
        }
        if folder.files.is_empty() {
            folder.add(loose, name(&folder.root));
        } else if !loose.is_empty() {
            let files = loose.len();
            folder
                .remarks
                .push(format!("{files} images beside the class folders belong to no class and were left out"));
        }
        folder.finish(walk)
    }

    /// Like [`Folder::open`], for known classes: each is the first of its possible subfolders that exists.
    ///
    /// # Errors
    /// [`ImagesError`] if the folder does not exist, cannot be listed or contains no image files of these classes.
    pub fn open_classes(path: &Path, classes: &[(&str, &[&str])]) -> Result<Self, ImagesError> {
        let mut folder = Self::empty(path)?;
        let mut walk = Walk::new(&folder.root);
        for (class, names) in classes {
            match names.iter().map(|name| folder.root.join(name)).find(|path| path.is_dir()) {
                Some(path) if path.is_symlink() => walk.linked += 1,
                Some(path) => folder.add(walk.files(&path, DEPTH)?, (*class).to_owned()),
                None => folder.remarks.push(format!("there is no folder {class}")),
            }
        }
        folder.finish(walk)
    }

    fn empty(path: &Path) -> Result<Self, ImagesError> {
        if !path.is_dir() {
            return Err(ImagesError::NoFolder { path: path.to_owned() });
        }
        let root = path.canonicalize().map_err(|source| ImagesError::Folder { path: path.to_owned(), source })?;
        Ok(Self { root, classes: Vec::new(), files: Vec::new(), remarks: Vec::new() })
    }

    fn add(&mut self, paths: Vec<PathBuf>, class: String) {
        if !paths.is_empty() {
            self.files.extend(paths.into_iter().map(|path| ImageFile { path, class: self.classes.len() }));
            self.classes.push(class);
        }
    }

    fn finish(mut self, walk: Walk) -> Result<Self, ImagesError> {
        self.remarks.extend(walk.remarks());
        if self.files.is_empty() {
            return Err(ImagesError::NoImages { path: self.root, remarks: self.remarks });
        }
        Ok(self)
    }
}

struct Walk {
    root: PathBuf,
    outside: usize,
    linked: usize,
    special: usize,
    other: BTreeMap<String, usize>,
}

impl Walk {
    fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), outside: 0, linked: 0, special: 0, other: BTreeMap::new() }
    }

    /// The image files in a folder and its subfolders, sorted by path.
    fn files(&mut self, folder: &Path, depth: usize) -> Result<Vec<PathBuf>, ImagesError> {
        let (mut files, folders) = self.entries(folder)?;
        for folder in folders.iter().filter(|_| depth > 0) {
            files.extend(self.files(folder, depth - 1)?);
        }
        files.sort();
        Ok(files)
    }

    /// The image files and subfolders of a folder, each sorted. Hidden ones are silently skipped.
    fn entries(&mut self, folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), ImagesError> {
        let failed = |source| ImagesError::Folder { path: folder.to_owned(), source };
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = entry.path();
            let name = name(&path);
            if name.starts_with('.') || name == "__MACOSX" {
                continue;
            }
            let ending =
                path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
            let is_image = READ.contains(&ending.as_str());
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                match path.canonicalize() {
                    Ok(target) if target.is_dir() => self.linked += 1,
                    Ok(target) if is_image && target.is_file() && target.starts_with(&self.root) => files.push(path),
                    _ if is_image => self.outside += 1,
                    _ => (),
                }
            } else if kind.is_file() && is_image {
                files.push(path);
            } else if kind.is_file() {
                match content(&path) {
                    Some(what) if READ_CONTENT.contains(&what) => files.push(path),
                    _ if OTHER.contains(&ending.as_str()) => *self.other.entry(format!(".{ending}")).or_default() += 1,
                    Some(what) if what.ends_with("image") || what.contains("SVG") => {
                        *self.other.entry(what.to_owned()).or_default() += 1;
                    }
                    _ => (),
                }
            } else if is_image {
                self.special += 1;
            }
        }
        files.sort();
        folders.sort();
        Ok((files, folders))
    }

    fn remarks(self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.outside > 0 {
            remarks.push(format!("{} links to files outside the folder were not followed", self.outside));
        }
        if self.linked > 0 {
            remarks.push(format!("{} links to folders were not followed", self.linked));
        }
        if self.special > 0 {
            remarks.push(format!("{} pipes, sockets or devices were passed over", self.special));
        }
        for (kind, files) in self.other {
            remarks.push(format!("{files} files were passed over: {kind} is a kind that is not read here"));
        }
        remarks
    }
}

fn content(path: &Path) -> Option<&'static str> {
    head(path, 512).ok().and_then(|head| describe(&head))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
