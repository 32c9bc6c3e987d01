//! CIFAR-10: small photographs of ten kinds of things.

use super::classic::{Classic, Form, classic};

classic! {
    /// Photographs of ten kinds of things, 32 x 32: 50,000 to train on and 10,000 to test with. Krizhevsky 2009.
    Cifar10
    /// The folder with the files of the binary version, or with their folder `cifar-10-batches-bin`.
    path: "data/cifar10",
    /// Whether the mirror image of a sample is as likely as the sample.
    flips: true,
    Classic {
        name: "cifar10",
        classes: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
        form: Form::Cifar {
            folder: "cifar-10-batches-bin",
            train: &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
            test: &["test_batch.bin"],
            labels: 1,
        },
    }
}
