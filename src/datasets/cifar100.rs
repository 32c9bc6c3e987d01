//! CIFAR-100: small photographs in a hundred classes.

use super::classic::{Classic, Form, classic};

/// The fine classes, in the order of their labels.
#[rustfmt::skip]
const CLASSES: [&str; 100] = [
    "apple", "aquarium fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple tree", "motorcycle", "mountain", "mouse", "mushroom", "oak tree", "orange",
    "orchid", "otter", "palm tree", "pear", "pickup truck", "pine tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow tree", "wolf", "woman", "worm",
];

classic! {
    /// Photographs in a hundred classes, 32 x 32: 50,000 for training and 10,000 for testing. Krizhevsky 2009.
    Cifar100
    /// The folder with the files of the binary version, or with the folder `cifar-100-binary` that contains them.
    path: "data/cifar100",
    /// Whether mirror images are as likely as the images themselves.
    flips: true,
    Classic {
        name: "cifar100",
        classes: &CLASSES,
        // Each image has the label of one of twenty coarse classes, followed by that of its fine class.
        form: Form::Cifar { folder: "cifar-100-binary", train: &["train.bin"], test: &["test.bin"], labels: 2 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_names_in_their_alphabetical_order() {
        assert!(CLASSES.is_sorted());
        assert!(
            CLASSES.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == ' ') && !name.contains("  "))
        );
    }
}
