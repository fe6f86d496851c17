//! Files that come with the program.

/// A file that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// What it is asked for by.
    pub code: &'static str,
    /// Its file name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($code:literal => $path:literal),* $(,)?) => {
        &[$(Shipped { code: $code, name: $path, text: include_str!(concat!("../../data/", $path)) }),*]
    };
}

/// Protocol forms.
const FORMS: &[Shipped] = shipped!["ru-20fz-12" => "forms/ru-20fz-12.toml"];

/// Protocol forms, by code.
#[must_use]
pub const fn shipped_forms() -> &'static [Shipped] {
    FORMS
}

/// A protocol form by code.
#[must_use]
pub fn shipped_form(code: &str) -> Option<Shipped> {
    FORMS.iter().find(|form| form.code == code).copied()
}
