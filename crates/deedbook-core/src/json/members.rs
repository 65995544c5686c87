//! The names of a named level, and what to say of one that is not among them.

/// The names that an object of a named level may have.
pub(crate) trait Members: Copy + 'static {
    /// Every member with its name on the wire.
    const ALL: &'static [(Self, &'static str)];

    /// What to do instead of sending the unknown member `name`, where that is known.
    fn advice(_name: &str) -> Option<(&'static str, &'static str)> {
        None
    }
}

/// The place of `name` among the members; canonical objects have them in order, so the search starts at `hint`.
#[inline]
pub(super) fn find<M: Members>(name: &str, hint: usize) -> Option<usize> {
    let hint = hint.min(M::ALL.len());
    let is_it = |member: &(M, &'static str)| member.1 == name;
    let ahead = M::ALL[hint..].iter().position(is_it).map(|index| index + hint);
    ahead.or_else(|| M::ALL[..hint].iter().position(is_it))
}

#[cold]
pub(super) fn unknown<M: Members>(name: &str) -> (&'static str, String) {
    if let Some((code, advice)) = M::advice(name) {
        return (code, format!("this member cannot be given here; {advice}"));
    }
    let nearest = nearest(name, M::ALL.iter().map(|(_, known)| *known));
    let advice = match nearest {
        Some(known) => format!("did you mean \"{known}\"? "),
        None => String::new(),
    };
    ("unknown_member", format!("this member is not known here; {advice}put members of your own into \"metadata\""))
}

/// The known name that is at most two edits away.
fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    const NAME_MAX: usize = 32;
    if name.len() > NAME_MAX {
        return None;
    }
    let name = name.to_ascii_lowercase().replace(['-', ' '], "_");
    let distances = known.map(|known| (edits(name.as_bytes(), known.as_bytes()), known));
    distances.filter(|(edits, known)| *edits <= 2 && *edits < known.len().min(name.len())).min().map(|(_, known)| known)
}

/// Insertions, deletions and replacements that lead from `from` to `to`.
fn edits(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

/// Declares the members of one named level; their order is that of canonical bytes.
macro_rules! member_names {
    ($name:ident { $($variant:ident = $word:literal),* $(,)? } $(advice $advice:ident)?) => {
        #[derive(Clone, Copy)]
        enum $name { $($variant),* }

        impl $crate::json::Members for $name {
            const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $word)),*];
            $(fn advice(name: &str) -> Option<(&'static str, &'static str)> { $advice(name) })?
        }
    };
}
pub(crate) use member_names;
