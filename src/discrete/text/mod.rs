//! `Text`: a text of 27 symbols, as tokens and back, and what its words are.

mod n_gram;

use std::collections::HashSet;

use tch::{Kind, Tensor};

pub use n_gram::NGram;

use crate::error::{Error, Result, require};

/// The text that comes with the project; its README says where it is from.
const AUSTEN: &str = include_str!("../../../data/austen/pride_and_prejudice.txt");

/// A text of 27 symbols, as in Hoogeboom et al. 2021, section 5: token 0 is the space, tokens 1 to 26 are the letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    characters: String,
}

impl Text {
    /// The number of symbols.
    pub const SYMBOLS: i64 = 27;

    /// The first 31 chapters of *Pride and Prejudice* by Jane Austen, which come with the project.
    pub fn austen() -> Self {
        Self::of(AUSTEN)
    }

    /// Any text: letters become lower case, and everything between words becomes one space.
    pub fn of(text: &str) -> Self {
        let only_letters: String =
            text.chars().map(|c| if c.is_ascii_alphabetic() { c.to_ascii_lowercase() } else { ' ' }).collect();
        Self { characters: only_letters.split_whitespace().collect::<Vec<_>>().join(" ") }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.characters
    }

    /// The number of characters.
    pub fn len(&self) -> usize {
        self.characters.len()
    }

    /// Whether there is no letter in it.
    pub fn is_empty(&self) -> bool {
        self.characters.is_empty()
    }

    /// The text up to a share of its length, and the rest.
    ///
    /// # Errors
    /// [`Error::Config`] unless the share is between 0 and 1.
    pub fn split(&self, share: f64) -> Result<(Self, Self)> {
        require((0.0..=1.0).contains(&share), "share of a text", "0 to 1", share)?;
        let (first, rest) = self.characters.split_at((share * self.len() as f64) as usize);
        Ok((Self::of(first), Self::of(rest)))
    }

    /// The tokens of the whole text.
    ///
    /// # Shapes
    /// Returns `[len]` int64.
    pub fn tokens(&self) -> Tensor {
        let token = |c: u8| if c == b' ' { 0 } else { i64::from(c - b'a') + 1 };
        Tensor::from_slice(&self.characters.bytes().map(token).collect::<Vec<_>>())
    }

    /// Pieces of `length` characters, one every `stride` characters.
    ///
    /// # Shapes
    /// Returns `[N, length]` int64.
    ///
    /// # Errors
    /// [`Error::Config`] if the text is shorter, and for a length or a stride of 0.
    pub fn pieces(&self, length: i64, stride: i64) -> Result<Tensor> {
        let possible = (1..=self.len() as i64).contains(&length);
        require(possible, "length of a piece", "at least 1, and at most that of the text", length)?;
        require(stride >= 1, "stride of the pieces", "at least 1", stride)?;
        Ok(self.tokens().unfold(0, length, stride).contiguous())
    }

    /// Each row of tokens as text; the mask, and any other state, is `_`.
    ///
    /// # Shapes
    /// `tokens`: `[N, L]` int64.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of dimensions.
    pub fn decode(tokens: &Tensor) -> Result<Vec<String>> {
        let wrong = |_| Error::Shape { what: "tokens to read", expected: "[N, L]".to_owned(), got: tokens.size() };
        let rows =
            Vec::<Vec<i64>>::try_from(&tokens.to_kind(Kind::Int64).to_device(tch::Device::Cpu)).map_err(wrong)?;
        let character = |token: &i64| match u8::try_from(*token) {
            Ok(0) => ' ',
            Ok(letter @ 1..=26) => char::from(b'a' + letter - 1),
            _ => '_',
        };
        Ok(rows.iter().map(|row| row.iter().map(character).collect()).collect())
    }

    /// Its words.
    pub fn words(&self) -> HashSet<&str> {
        self.characters.split(' ').collect()
    }

    /// The share of the words in `samples` that occur in this text. The first and the last word of a sample may be cut off, so they do not count.
    /// NaN if there are no others.
    pub fn share_of_words(&self, samples: &[String]) -> f64 {
        let known = self.words();
        let inner = |sample: &'_ String| -> Vec<String> {
            let words: Vec<&str> = sample.split(' ').collect();
            let inner = words.get(1..words.len().saturating_sub(1)).unwrap_or_default();
            inner.iter().filter(|word| !word.is_empty()).map(|word| (*word).to_owned()).collect()
        };
        let words: Vec<String> = samples.iter().flat_map(inner).collect();
        words.iter().filter(|word| known.contains(word.as_str())).count() as f64 / words.len() as f64
    }

    /// How each character is used: how often each other one comes before and after it. Characters that are used alike, such as vowels, are near each
    /// other. For [`NearestTransition::in_embedding`](super::NearestTransition::in_embedding).
    ///
    /// # Shapes
    /// Returns `[27, 54]` f64; the shares before sum to 1, and those after.
    pub fn usage(&self) -> Tensor {
        let (tokens, last) = (self.tokens(), (self.len() as i64 - 1).max(0));
        let pairs = tokens.narrow(0, 0, last) * Self::SYMBOLS + tokens.narrow(0, i64::from(last > 0), last);
        let counts =
            pairs.bincount(None::<&Tensor>, Self::SYMBOLS.pow(2)).view([Self::SYMBOLS, -1]).to_kind(Kind::Double);
        let shares = |of: Tensor| &of / of.sum_dim_intlist(1, true, Kind::Double).clamp_min(1.0);
        Tensor::cat(&[shares(counts.transpose(0, 1).contiguous()), shares(counts)], 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_tokens_and_back() {
        let text = Text::of("It is a truth,\nuniversally -- acknowledged.");
        assert_eq!(text.as_str(), "it is a truth universally acknowledged");
        let pieces = text.pieces(6, 3).unwrap();
        assert_eq!(Text::decode(&pieces.narrow(0, 0, 3)).unwrap(), ["it is ", "is a t", "a trut"]);
        assert_eq!(Text::decode(&Tensor::from_slice(&[27_i64, 1, 0, -3]).view([1, 4])).unwrap(), ["_a _"]);
        assert!(text.pieces(100, 1).is_err() && text.pieces(3, 0).is_err() && Text::decode(&text.tokens()).is_err());
        let (first, rest) = text.split(0.5).unwrap();
        assert!(text.as_str().starts_with(first.as_str()) && text.as_str().ends_with(rest.as_str()));
    }

    #[test]
    fn words_are_counted_without_those_that_may_be_cut() {
        let text = Text::of("the cat sat on the mat");
        let share =
            |samples: &[&str]| text.share_of_words(&samples.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(share(&["e cat sat ox the m"]), 0.75);
        assert_eq!(share(&["x  cat  x", "cat", ""]), 1.0);
        assert!(share(&["cat"]).is_nan());
        assert_eq!(text.words().len(), 5);
    }

    #[test]
    fn the_text_of_the_project_is_what_its_readme_says() {
        let text = Text::austen();
        assert!(text.as_str().contains("it is a truth universally acknowledged that a single man"));
        assert!((200_000..=300_000).contains(&text.len()), "{}", text.len());
        let usage = text.usage();
        let distance = |a: char, b: char| {
            let row = |c: char| usage.get(c as i64 - 'a' as i64 + 1);
            (row(a) - row(b)).norm().double_value(&[])
        };
        assert!(distance('a', 'e') < distance('a', 't') && distance('m', 'n') < distance('m', 'e'));
    }
}
