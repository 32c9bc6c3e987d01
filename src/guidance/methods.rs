//! The macro that turns the list of methods into their modules and their entries.

/// Defines the modules of the room, one file per method, and the type that lists them. Methods are built from denoisers, each in its own
/// way, so there is no configuration that builds them.
macro_rules! methods {
    (
        $(#[$about:meta])*
        $Methods:ident, declares $Properties:ident;
        $($module:ident::{$($Item:ident),+}, $name:literal: $what:literal, $source:literal, $properties:tt;)+
    ) => {
        $(mod $module;)+
        $(pub use $module::{$($Item),+};)+

        $(#[$about])*
        #[derive(Debug, Clone, Copy)]
        pub struct $Methods;

        impl $Methods {
            /// Every method, in the order of the list.
            pub const ENTRIES: &'static [$crate::catalogue::Entry] =
                &[$($crate::catalogue::Entry { name: $name, what: $what, source: $source }),+];

            /// The source files of the methods, to be shown in a cell.
            pub(crate) const SOURCES: &'static [&'static str] = &[$(include_str!(concat!(stringify!($module), ".rs"))),+];

            /// The declared properties of the method of that name.
            ///
            /// # Errors
            /// [`Error::Config`]($crate::Error::Config) with the known names, and the one that was probably meant.
            pub fn properties(name: &str) -> $crate::Result<$Properties> {
                match name {
                    $($name => Ok($crate::catalogue::declared!($Properties $properties)),)+
                    _ => Err($crate::catalogue::unknown("guidance", name, Self::ENTRIES)),
                }
            }
        }
    };
}

pub(super) use methods;
