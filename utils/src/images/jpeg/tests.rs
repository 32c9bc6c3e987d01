//! JPEG files of one colour, assembled from segments, and damaged photographs.

use image::DynamicImage;

use super::{FileError, decode};

/// A baseline file with a single number in every block of 8 x 8, and the changes to make to it.
struct File {
    values: Vec<u8>,
    ids: &'static [u8],
    frame: u8,
    bits: u8,
    segments: Vec<u8>,
}

const SIDE: u8 = 16;
/// The number of DC codes of each length: the luminance table in annex K of the standard.
const LENGTHS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];

impl File {
    fn new(values: &[u8]) -> Self {
        Self { values: values.to_vec(), ids: &[1, 2, 3, 4], frame: 0xc0, bits: 8, segments: Vec::new() }
    }

    fn adobe(mut self, transform: u8) -> Self {
        self.segments.extend(b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0");
        self.segments.push(transform);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let count = self.values.len() as u8;
        let ids = &self.ids[..self.values.len()];
        let mut file = [b"\xff\xd8", &self.segments[..], b"\xff\xdb\0\x43\0", &[1; 64]].concat();
        file.extend([0xff, self.frame, 0, 8 + 3 * count, self.bits, 0, SIDE, 0, SIDE, count]);
        file.extend(ids.iter().flat_map(|id| [*id, 0x11, 0]));
        file.extend([&b"\xff\xc4\0\x1f\0"[..], &LENGTHS, &(0..12).collect::<Vec<u8>>()].concat());
        // One AC code, a single 0: the end of the block.
        file.extend([&b"\xff\xc4\0\x14\x10\x01"[..], &[0; 15], &[0]].concat());
        file.extend([0xff, 0xda, 0, 6 + 2 * count, count]);
        file.extend(ids.iter().flat_map(|id| [*id, 0]));
        file.extend([0, 63, 0]);
        let bits: String = (0..4).flat_map(|block| self.values.iter().map(move |value| code(block, *value))).collect();
        let bits = bits.clone() + &"1".repeat(bits.len().next_multiple_of(8) - bits.len());
        for byte in bits.as_bytes().chunks(8) {
            let byte = u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap();
            file.extend([byte].iter().chain((byte == 0xff).then_some(&0)));
        }
        file.extend(b"\xff\xd9");
        file
    }
}

/// The bits of a block: its mean, as a difference from the previous block, and the end of the block.
fn code(block: usize, value: u8) -> String {
    let difference = if block == 0 { 8 * (i32::from(value) - 128) } else { 0 };
    let size = 32 - difference.unsigned_abs().leading_zeros();
    let (mut next, mut codes) = (0, Vec::new());
    for (length, count) in (1..).zip(LENGTHS) {
        for _ in 0..count {
            codes.push(format!("{next:0length$b}"));
            next += 1;
        }
        next <<= 1;
    }
    let number = if difference < 0 { difference + (1 << size) - 1 } else { difference };
    let number = if size > 0 { format!("{number:0width$b}", width = size as usize) } else { String::new() };
    codes[size as usize].clone() + &number + "0"
}

fn ycc([r, g, b]: [u8; 3]) -> Vec<u8> {
    let [r, g, b] = [r, g, b].map(f64::from);
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [y, 128.0 + (b - y) / 1.772, 128.0 + (r - y) / 1.402].map(|value| value.round() as u8).to_vec()
}

const COLOR: [u8; 3] = [200, 120, 60];

/// Checks that the file is a picture of this colour.
fn is(file: &[u8], color: [u8; 3], what: &str) {
    let (image, _) = decode(file).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!((image.width(), image.height()), (SIDE.into(), SIDE.into()), "{what}");
    for pixel in image.into_rgb8().pixels() {
        assert!(pixel.0.iter().zip(color).all(|(a, b)| a.abs_diff(b) <= 2), "{what}: {:?} is not {color:?}", pixel.0);
    }
}

fn refused(file: &[u8], words: &str) {
    let message = decode(file).map(|_| ()).expect_err(words).to_string();
    assert!(message.contains(words), "{words}: {message}");
}

#[test]
fn colors_are_what_the_header_says() {
    let [r, g, b] = COLOR;
    let inks = COLOR.map(|value| 255 - value);
    let four = |three: &[u8], k: u8| [three, &[k]].concat();
    is(&File::new(&ycc(COLOR)).bytes(), COLOR, "nothing said");
    is(&File::new(&ycc(COLOR)).adobe(1).bytes(), COLOR, "Adobe, YCbCr");
    is(&File::new(&COLOR).adobe(0).bytes(), COLOR, "Adobe, RGB");
    is(&File { ids: b"RGB", ..File::new(&COLOR) }.bytes(), COLOR, "components R, G and B");
    is(&File::new(&four(&COLOR, 255)).adobe(0).bytes(), COLOR, "Adobe, CMYK");
    is(&File::new(&four(&ycc(inks), 255)).adobe(2).bytes(), COLOR, "Adobe, YCCK");
    is(&File::new(&four(&ycc(inks), 128)).adobe(2).bytes(), COLOR.map(|value| value / 2), "Adobe, YCCK, half black");
    is(&File::new(&four(&inks, 0)).bytes(), COLOR, "CMYK without Adobe");
    is(&File::new(&[90]).bytes(), [90; 3], "grey");
    is(&File::new(&[90]).adobe(0).bytes(), [90; 3], "grey, Adobe");
    // Files that no program should write, but some do.
    is(&File::new(&ycc(COLOR)).adobe(7).bytes(), COLOR, "Adobe, a number that is not known");
    is(&File::new(&ycc(COLOR)).adobe(2).bytes(), COLOR, "Adobe, YCCK of three components");
    let short = File { segments: b"\xff\xee\0\x09Adobe\0\x64".to_vec(), ..File::new(&ycc(COLOR)) };
    is(&short.bytes(), COLOR, "Adobe, cut short");
    let long = [b"\xff\xee\0\x11Adobe\0\x64\0\0\0\0\0", &[1, 2, 3][..]].concat();
    is(&File { segments: long, ..File::new(&COLOR) }.bytes(), COLOR, "Adobe, with more behind it");
    let jfif = b"\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    is(&File { segments: jfif, ..File::new(&ycc([r, g, b])) }.adobe(0).bytes(), COLOR, "JFIF and Adobe");
}

#[test]
fn an_end_that_is_missing_and_one_that_is_followed() {
    let whole = File::new(&ycc(COLOR)).bytes();
    is(&whole[..whole.len() - 2], COLOR, "without its end marker");
    is(&whole[..whole.len() - 1], COLOR, "without half of its end marker");
    for tail in [&b"\0\0\0\0"[..], b"\xff\xda\0\x0c\x01\x02\x03", &whole, b"\xff\xd9\xff\xd8\xff"] {
        is(&[&whole[..], tail].concat(), COLOR, "followed");
    }
    // Fill bytes before markers.
    let filled = whole.windows(2).position(|pair| pair == [0xff, 0xdb]).unwrap();
    is(&[&whole[..filled], b"\xff\xff\xff", &whole[filled..]].concat(), COLOR, "filled");
}

#[test]
fn a_photograph_that_is_cut_off_is_no_picture() {
    for name in ["photo.jpg", "progressive.jpg", "grey.jpg", "cmyk_adobe.jpg"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/images/");
        let whole = std::fs::read(format!("{path}{name}")).unwrap();
        let pixels = |bytes: &[u8]| decode(bytes).map(|(image, _): (DynamicImage, _)| image.into_bytes());
        let expected = pixels(&whole).unwrap();
        assert!(pixels(&whole[..whole.len() - 2]).unwrap() == expected, "{name}");
        // One byte may be padding, but not twenty.
        for length in (0..whole.len() - 20).step_by(whole.len() / 97) {
            assert!(matches!(pixels(&whole[..length]), Err(FileError::Jpeg(_))), "{name} cut to {length}");
        }
    }
}

#[test]
fn other_kinds_of_jpeg_are_named() {
    for (frame, words) in
        [(0xc3, "lossless"), (0xc5, "hierarchical"), (0xc9, "arithmetic"), (0xca, "arithmetic"), (0xf7, "JPEG-LS")]
    {
        refused(&File { frame, ..File::new(&[90]) }.bytes(), words);
    }
    refused(&File { bits: 12, ..File::new(&[90]) }.bytes(), "12 bits");
    refused(&File::new(&[90, 90]).bytes(), "2 channels");
    let mut empty = File::new(&[90]).bytes();
    let at = empty.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    empty[at + 6] = 0;
    refused(&empty, "16 x 0 pixels");
    refused(b"\xff\xd8\xff\xe0", "cut off");
}
