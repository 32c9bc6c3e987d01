//! Clothes in the form of MNIST.

use super::classic::{Classic, Form, classic};

classic! {
    /// Pieces of clothing, 28 x 28 in grey: 60,000 to train on and 10,000 to test with. Xiao et al. 2017.
    FashionMnist
    /// The folder with the IDX files, packed (`.gz`) or not.
    path: "data/fashion-mnist",
    /// Whether the mirror image of a sample is as likely as the sample: shoes all point to the left here.
    flips: false,
    Classic {
        name: "fashion-mnist",
        classes: &[
            "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
        ],
        form: Form::Idx,
    }
}
