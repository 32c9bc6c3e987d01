//! Pictures of a cell that runs behind the kernel's front.
#![cfg(unix)]

mod front;

use ddpm_live::{LARGEST, Message};
use ddpm_utils::display::{Html, LiveDisplay, Mime, Picture};
use front::{Manners, behind_front};

fn picture(alt: &str, bytes: usize) -> Picture {
    Picture { mime: Mime::Png, bytes: vec![7; bytes], width: 20, height: 10, alt: alt.into() }
}

#[test]
fn any_number_of_pictures_show_in_order_with_text() {
    let seen = behind_front("any_number_of_pictures_show_in_order_with_text", Manners::default(), || {
        picture("first", 9).show();
        println!("between");
        picture("second", 9).evcxr_display();
        Html("<b>third</b>".into()).show();
    });
    assert_eq!(seen.remains()[..3], ["first", "between", "second"]);
    let shown = seen.shown();
    assert_eq!(shown.len(), 3);
    assert_eq!(shown[0].2["text/html"], picture("first", 9).html());
    assert_eq!(shown[2].2["text/html"], "<b>third</b>");
    assert!(!seen.stdout.contains("EVCXR"), "{}", seen.stdout);
}

#[test]
fn what_the_front_does_not_take_goes_the_plain_way() {
    let manners = Manners { refuses: true, ..Default::default() };
    let seen = behind_front("what_the_front_does_not_take_goes_the_plain_way", manners, || picture("x", 3).show());
    assert!(seen.stdout.contains("EVCXR_BEGIN_CONTENT text/html\n<img alt=\"x\""), "{}", seen.stdout);
}

#[test]
fn what_is_too_large_goes_the_plain_way_and_the_display_goes_on() {
    let name = "what_is_too_large_goes_the_plain_way_and_the_display_goes_on";
    let seen = behind_front(name, Manners::default(), || {
        picture("large", LARGEST).show();
        let mut display = LiveDisplay::open().unwrap();
        assert!(!display.show_picture(&picture("large", LARGEST)));
        assert!(display.show_text("small".into()));
        assert!(!display.show_picture(&picture("large", LARGEST)));
        assert!(display.show_text("smaller".into()));
    });
    assert!(seen.stdout.contains("EVCXR_BEGIN_CONTENT text/html\n<img alt=\"large\""));
    let new: Vec<bool> = seen.shown().iter().map(|(_, new, _)| *new).collect();
    assert_eq!(new, [true, false]);
}

#[test]
fn a_display_that_lives_into_the_next_cell_goes_on_there() {
    let manners = Manners { new_cell_at: Some(2), ..Default::default() };
    let seen = behind_front("a_display_that_lives_into_the_next_cell_goes_on_there", manners, || {
        let mut display = LiveDisplay::open().unwrap();
        for text in ["a", "b", "c", "d"] {
            assert!(display.show_text(text.into()));
        }
    });
    let kinds: Vec<bool> = seen.told.iter().map(|(_, m)| matches!(m, Message::Display { .. })).collect();
    assert_eq!(kinds, [true, false, false, true, false], "shown, updated, refused, shown anew, updated");
    assert_eq!(seen.remains()[1..], ["d"]);
}
