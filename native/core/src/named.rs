//! Enums whose variants have names that Elixir knows.

/// An enum without fields with a name for each variant, and the list of all.
macro_rules! named {
    ($(#[$about:meta])* $enum:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum {
            $($(#[$doc])* $variant,)+
        }

        impl $enum {
            /// Every variant, in its order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name, as Elixir knows it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

/// An enum whose variants may have fields, with a name for each variant, and the list of all names.
macro_rules! named_with_fields {
    ($(#[$about:meta])* $enum:ident {
        $($(#[$doc:meta])*
        $variant:ident
            $(($($item:ty),+))?
            $({ $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ })?
            = $name:literal,)+
    }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $enum {
            $($(#[$doc])*
            $variant $(($($item),+))? $({ $($(#[$field_doc])* $field: $type,)+ })?,)+
        }

        impl $enum {
            /// The names of all variants, in their order.
            pub const NAMES: &[&str] = &[$($name,)+];

            /// The name, as Elixir knows it.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)+
                }
            }
        }
    };
}

pub(crate) use {named, named_with_fields};
