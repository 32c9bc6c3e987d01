//! The addresses of the data sets, with the sizes and SHA-256 hashes recorded by TensorFlow Datasets.

use super::download::Source;

/// A data set that can be downloaded.
pub(super) struct Sources {
    /// Its name, which is also the name of its folder.
    pub name: &'static str,
    /// What to download.
    pub files: &'static [Source<'static>],
    /// The folder in the archive; `None` if the files themselves are the data.
    pub inner: Option<&'static str>,
    /// Files and folders that identify the data set: at least one is there.
    pub markers: &'static [&'static str],
}

const fn file(url: &'static str, bytes: u64, sha256: &'static str) -> Source<'static> {
    Source { url, bytes, sha256 }
}

/// The file names of MNIST and of sets in the same format; compressed ones end in .gz.
const IDX: &[&str] =
    &["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

#[rustfmt::skip]
pub(super) const SOURCES: [Sources; 5] = [
    Sources {
        name: "flowers",
        files: &[file(
            "http://download.tensorflow.org/example_images/flower_photos.tgz",
            228_813_984, "4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
        )],
        inner: Some("flower_photos"),
        markers: &["daisy", "dandelion", "rose", "roses", "sunflower", "sunflowers", "tulip", "tulips"],
    },
    Sources {
        name: "mnist",
        files: &[
            file("https://storage.googleapis.com/cvdf-datasets/mnist/train-images-idx3-ubyte.gz",
                9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            file("https://storage.googleapis.com/cvdf-datasets/mnist/train-labels-idx1-ubyte.gz",
                28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            file("https://storage.googleapis.com/cvdf-datasets/mnist/t10k-images-idx3-ubyte.gz",
                1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            file("https://storage.googleapis.com/cvdf-datasets/mnist/t10k-labels-idx1-ubyte.gz",
                4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ],
        inner: None,
        markers: IDX,
    },
    Sources {
        name: "fashion-mnist",
        files: &[
            file("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz",
                26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            file("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-labels-idx1-ubyte.gz",
                29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            file("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-images-idx3-ubyte.gz",
                4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            file("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
                5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ],
        inner: None,
        markers: IDX,
    },
    Sources {
        name: "cifar10",
        files: &[file(
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        )],
        inner: Some("cifar-10-batches-bin"),
        markers: &["data_batch_1.bin", "test_batch.bin"],
    },
    Sources {
        name: "cifar100",
        files: &[file(
            "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            168_513_733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        )],
        inner: Some("cifar-100-binary"),
        markers: &["train.bin", "test.bin"],
    },
];
