//! Fashion-MNIST: pieces of clothing, in the format of MNIST.

use super::classic::{Classic, Form, classic};

classic! {
    /// Pieces of clothing, 28 x 28, grey: 60,000 for training and 10,000 for testing. Xiao et al. 2017.
    FashionMnist
    /// The folder with the IDX files, compressed (`.gz`) or not.
    path: "data/fashion-mnist",
    /// Whether mirror images are as likely as the images themselves: not here, since all shoes point to the left.
    flips: false,
    Classic {
        name: "fashion-mnist",
        classes: &[
            "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
        ],
        form: Form::Idx,
    }
}
