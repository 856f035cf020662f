//! Who runs the program, for records of who did what.

/// The name that was given, or that of the user of this process; empty if nobody says.
pub(super) fn user(given: Option<&str>) -> String {
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let known = || ["USER", "LOGNAME", "USERNAME"].iter().find_map(set);
    given.map(str::to_owned).or_else(known).unwrap_or_default()
}
