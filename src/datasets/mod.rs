//! The data sets, one file each.

mod catalogue;
mod classic;
mod dataset;
pub mod found;
mod images;
mod known_density;
mod point_set;

pub use ddpm_utils::images::Fit;
pub use images::{ImageSet, LabelledImages, Split};
pub use point_set::PointSet;

use catalogue::{Samples, SamplesMut, datasets};

datasets! {
    points {
        swiss_roll::SwissRoll, "swiss-roll": "one and a half turns of a spiral that starts away from the centre", "Sohl-Dickstein et al. 2015, figure 1";
        spiral::Spiral, "spiral": "a spiral from the centre, of any pitch", "";
        moons::Moons, "moons": "two interleaved half circles", "scikit-learn, make_moons";
        circles::Circles, "circles": "two circles, one around the other", "scikit-learn, make_circles";
        checkerboard::Checkerboard, "checkerboard": "the dark squares of a board", "Grathwohl et al. 2019, figure 2";
        eight_gaussians::EightGaussians, "eight-gaussians": "eight Gaussians on a circle, with a known density", "Grathwohl et al. 2019, figure 2";
        pinwheel::Pinwheel, "pinwheel": "five arms that bend around the centre", "Johnson et al. 2016, figure 1";
    }
    images {
        painted_flowers::PaintedFlowers, "painted-flowers": "flowers of five kinds, painted by the project itself", "";
        image_folder::ImageFolder, "image-folder": "a folder of images, with one sub-folder per class or none", "";
        flowers::Flowers, "flowers": "photographs of five kinds of flowers", "The TensorFlow team 2019";
        mnist::Mnist, "mnist": "handwritten digits", "LeCun et al. 1998";
        fashion_mnist::FashionMnist, "fashion-mnist": "pieces of clothing, in the format of MNIST", "Xiao et al. 2017";
        cifar10::Cifar10, "cifar10": "small photographs in ten classes", "Krizhevsky 2009";
        cifar100::Cifar100, "cifar100": "small photographs in a hundred classes", "Krizhevsky 2009";
    }
}

impl Default for Dataset {
    fn default() -> Self {
        SwissRoll::default().into()
    }
}
