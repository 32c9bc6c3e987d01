//! Handwritten digits.

use super::classic::{Classic, Form, classic};

classic! {
    /// Digits written by hand, 28 x 28 in grey: 60,000 to train on and 10,000 to test with. LeCun et al. 1998.
    Mnist
    /// The folder with the IDX files, packed (`.gz`) or not.
    path: "data/mnist",
    /// Whether the mirror image of a sample is as likely as the sample: not of digits.
    flips: false,
    Classic {
        name: "mnist",
        classes: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        form: Form::Idx,
    }
}
