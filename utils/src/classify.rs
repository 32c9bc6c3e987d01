//! Splits Rust source into words, each with its class.

use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, tokenize};

/// What a piece of source is, for highlighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Plain,
    Keyword,
    Text,
    Number,
    Comment,
    DocComment,
    Type,
    Macro,
    Function,
    Lifetime,
    Attribute,
}

const KEYWORDS: [&str; 39] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self",
    "static", "struct", "super", "trait", "true", "type", "union", "unsafe", "use", "where", "while",
];

const PRIMITIVES: [&str; 17] = [
    "bool", "char", "str", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
    "usize",
];

/// Splits the source into pieces of one class each; neighbours of the same class are joined.
pub(crate) fn classify(source: &str) -> Vec<(&str, Class)> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for token in tokenize(source, FrontmatterAllowed::No) {
        let end = start + token.len as usize;
        tokens.push((token.kind, start, end));
        start = end;
    }
    let mut pieces: Vec<(usize, usize, Class)> = Vec::new();
    let mut attribute_depth = 0;
    for (i, (kind, start, end)) in tokens.iter().enumerate() {
        let following = |skip: usize| tokens.get(i + skip).map(|(kind, ..)| *kind);
        let opens_attribute = *kind == TokenKind::Pound
            && (following(1) == Some(TokenKind::OpenBracket)
                || (following(1) == Some(TokenKind::Bang) && following(2) == Some(TokenKind::OpenBracket)));
        let class = match kind {
            _ if opens_attribute && attribute_depth == 0 => Class::Attribute,
            TokenKind::OpenBracket if attribute_depth > 0 || starts_attribute(&tokens[..i]) => {
                attribute_depth += 1;
                Class::Attribute
            }
            TokenKind::CloseBracket if attribute_depth > 0 => {
                attribute_depth -= 1;
                Class::Attribute
            }
            TokenKind::Bang if starts_attribute(&tokens[..=i]) => Class::Attribute,
            _ if attribute_depth > 0 => match plain_class(*kind) {
                Class::Plain => Class::Attribute,
                class => class,
            },
            TokenKind::Ident if defines_function(source, &tokens[..i]) => Class::Function,
            TokenKind::Ident | TokenKind::RawIdent => identifier(&source[*start..*end], &tokens[i + 1..]),
            TokenKind::Bang if i > 0 && is_macro(&source[tokens[i - 1].1..tokens[i - 1].2], &tokens[i..]) => {
                Class::Macro
            }
            kind => plain_class(*kind),
        };
        match pieces.last_mut() {
            Some((_, last_end, last_class)) if *last_class == class => *last_end = *end,
            _ => pieces.push((*start, *end, class)),
        }
    }
    pieces.into_iter().map(|(start, end, class)| (&source[start..end], class)).collect()
}

type Spanned = (TokenKind, usize, usize);

/// Whether `tokens` end in `#` or `#!`.
fn starts_attribute(tokens: &[Spanned]) -> bool {
    let kinds: Vec<TokenKind> = tokens.iter().rev().take(2).map(|(kind, ..)| *kind).collect();
    matches!(kinds[..], [TokenKind::Pound, ..] | [TokenKind::Bang, TokenKind::Pound])
}

/// Whether `tokens` end in `fn` and whitespace.
fn defines_function(source: &str, tokens: &[Spanned]) -> bool {
    match tokens {
        [.., (TokenKind::Ident, start, end), (TokenKind::Whitespace, ..)] => &source[*start..*end] == "fn",
        _ => false,
    }
}

/// The class of a token that does not depend on its neighbours.
fn plain_class(kind: TokenKind) -> Class {
    use ra_ap_rustc_lexer::LiteralKind as L;
    match kind {
        TokenKind::LineComment { doc_style } | TokenKind::BlockComment { doc_style, .. } => {
            if doc_style.is_some() {
                Class::DocComment
            } else {
                Class::Comment
            }
        }
        TokenKind::Literal { kind: L::Int { .. } | L::Float { .. }, .. } => Class::Number,
        TokenKind::Literal { .. } => Class::Text,
        TokenKind::Lifetime { .. } | TokenKind::RawLifetime => Class::Lifetime,
        _ => Class::Plain,
    }
}

/// The class of the word `name`, given the tokens after it.
fn identifier(name: &str, after: &[Spanned]) -> Class {
    if KEYWORDS.contains(&name) {
        Class::Keyword
    } else if is_macro(name, after) {
        Class::Macro
    } else if PRIMITIVES.contains(&name) || is_type_name(name) {
        Class::Type
    } else if calls(after) {
        Class::Function
    } else {
        Class::Plain
    }
}

/// `PascalCase`, or a single capital letter that names a type. Constants are all capitals.
fn is_type_name(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && (name.chars().count() == 1 || name.contains(char::is_lowercase))
}

/// `name!` before an opening bracket or, as in `macro_rules! name`, before a word. `a != b` is neither.
fn is_macro(name: &str, after: &[Spanned]) -> bool {
    let mut kinds = after.iter().map(|(kind, ..)| *kind).filter(|kind| *kind != TokenKind::Whitespace);
    let called = kinds.next() == Some(TokenKind::Bang)
        && matches!(
            kinds.next(),
            Some(TokenKind::OpenParen | TokenKind::OpenBracket | TokenKind::OpenBrace | TokenKind::Ident)
        );
    called && !KEYWORDS.contains(&name) && after.first().is_some_and(|(kind, ..)| *kind == TokenKind::Bang)
}

/// Whether a parameter list follows, with or without generics: `f(`, `f::<T>(` or `fn f<T>(`.
fn calls(after: &[Spanned]) -> bool {
    let kinds: Vec<TokenKind> = after.iter().take(3).map(|(kind, ..)| *kind).collect();
    matches!(kinds[..], [TokenKind::OpenParen, ..] | [TokenKind::Colon, TokenKind::Colon, TokenKind::Lt])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r##"//! Room.
/// Draws `x_t` & more: 0 < β̄ > "1".
#[derive(Debug, Clone)]
pub fn noise<'a, T: Into<f32>>(x0: &'a [T], n: usize) -> Option<Vec<f32>> {
    let alpha_bar = 1.0e-4_f64; // x != y
    assert!(n != 0 && !x0.is_empty(), "empty \"x0\" {}", r#"raw "# );
    /* block */ let c = 'c'; x0.iter().map(Self::f).collect::<Option<Vec<_>>>()
}
"##;

    #[test]
    fn words_have_their_class() {
        let pieces = classify(SOURCE);
        let class = |text: &str| pieces.iter().find(|(t, _)| *t == text).map(|(_, class)| *class);
        for (text, expected) in [
            ("pub", Class::Keyword),
            ("Option", Class::Type),
            ("usize", Class::Type),
            ("1.0e-4_f64", Class::Number),
            ("assert!", Class::Macro),
            ("noise", Class::Function),
            ("is_empty", Class::Function),
            ("collect", Class::Function),
            ("'c'", Class::Text),
            ("// x != y", Class::Comment),
            ("//! Room.", Class::DocComment),
            ("#[derive(Debug, Clone)]", Class::Attribute),
        ] {
            assert_eq!(class(text), Some(expected), "{text}");
        }
        assert!(!pieces.iter().any(|(text, class)| *class == Class::Macro && text.contains('n')));
    }
}
