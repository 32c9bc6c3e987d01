//! MNIST: handwritten digits.

use super::classic::{Classic, Form, classic};

classic! {
    /// Handwritten digits, 28 x 28, grey: 60,000 for training and 10,000 for testing. LeCun et al. 1998.
    Mnist
    /// The folder with the IDX files, compressed (`.gz`) or not.
    path: "data/mnist",
    /// Whether mirror images are as likely as the images themselves: not here, for digits.
    flips: false,
    Classic {
        name: "mnist",
        classes: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        form: Form::Idx,
    }
}
