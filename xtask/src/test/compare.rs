//! Comparing what one script printed on two kernels.

use super::normalise::normalise;

/// `None` when the outputs are equal after normalising, else where they part.
pub(crate) fn difference(linux: &str, warren: &str) -> Option<String> {
    let (linux, warren) = (normalise(linux), normalise(warren));
    if linux == warren {
        return None;
    }
    Some(excerpt(&linux, &warren))
}

/// Lines shown before and after a difference.
const CONTEXT: usize = 3;

/// The differing middle of two texts, `-` for Linux's lines and `+` for Warren's.
fn excerpt(linux: &str, warren: &str) -> String {
    let linux: Vec<&str> = linux.split('\n').collect();
    let warren: Vec<&str> = warren.split('\n').collect();
    let shorter = linux.len().min(warren.len());
    let before = linux.iter().zip(&warren).take_while(|(l, w)| l == w).count();
    let after = linux
        .iter()
        .rev()
        .zip(warren.iter().rev())
        .take(shorter - before)
        .take_while(|(l, w)| l == w)
        .count();
    let mut lines = vec!["--- Linux, +++ Warren".to_owned()];
    let show = |sign: char, text: &[&str]| -> Vec<String> {
        text.iter().map(|line| format!("{sign} {}", line.escape_debug())).collect()
    };
    lines.extend(show(' ', &linux[before.saturating_sub(CONTEXT)..before]));
    lines.extend(show('-', &linux[before..linux.len() - after]));
    lines.extend(show('+', &warren[before..warren.len() - after]));
    let rest = linux.len() - after;
    lines.extend(show(' ', &linux[rest..(rest + CONTEXT).min(linux.len())]));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn equal_outputs_have_no_difference() {
        let link = "link/ether 5a:11:22:33:44:55\n";
        assert_eq!(difference(link, "link/ether 6e:99:88:77:66:55\n"), None);
    }

    #[test]
    fn a_difference_is_shown_with_what_surrounds_it() {
        let shown = difference("a\nb\nc\nd\n", "a\nb\nx\nd\n").expect("they differ");
        assert_eq!(shown, "--- Linux, +++ Warren\n  a\n  b\n- c\n+ x\n  d\n  ");
    }

    #[test]
    fn one_missing_line_is_shown_as_missing() {
        let shown = difference("a\na\na\n", "a\na\n").expect("they differ");
        assert!(shown.contains("- a"));
        assert!(!shown.lines().skip(1).any(|line| line.starts_with('+')), "{shown}");
    }

    #[test]
    fn invisible_differences_are_made_visible() {
        assert!(difference("a\n", "a\r\n").expect("they differ").contains("\\r"));
    }
}
