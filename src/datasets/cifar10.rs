//! CIFAR-10: small photographs in ten classes.

use super::classic::{Classic, Form, classic};

classic! {
    /// Photographs in ten classes, 32 x 32: 50,000 for training and 10,000 for testing. Krizhevsky 2009.
    Cifar10
    /// The folder with the files of the binary version, or with the folder `cifar-10-batches-bin` that contains them.
    path: "data/cifar10",
    /// Whether mirror images are as likely as the images themselves.
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
