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
const CONTEXT: usize = 2;

/// The lines that differ with what surrounds them: `-` for Linux's, `+` for Warren's.
fn excerpt(linux: &str, warren: &str) -> String {
    let linux: Vec<&str> = linux.split('\n').collect();
    let warren: Vec<&str> = warren.split('\n').collect();
    let edits = edits(&linux, &warren);
    let mut lines = vec!["--- Linux, +++ Warren".to_owned()];
    let mut gap = false;
    for (index, (sign, text)) in edits.iter().enumerate() {
        let near = index.saturating_sub(CONTEXT)..(index + CONTEXT + 1).min(edits.len());
        if edits[near].iter().any(|(sign, _)| *sign != ' ') {
            lines.push(format!("{sign} {}", text.escape_debug()));
            gap = false;
        } else if !gap {
            lines.push("...".to_owned());
            gap = true;
        }
    }
    lines.join("\n")
}

/// The shortest way from one text to the other: lines kept (' '), taken out ('-'), put in ('+').
fn edits<'a>(from: &[&'a str], to: &[&'a str]) -> Vec<(char, &'a str)> {
    // common[i][j]: the length of the longest common subsequence of from[i..] and to[j..].
    let mut common = vec![vec![0_usize; to.len() + 1]; from.len() + 1];
    for i in (0..from.len()).rev() {
        for j in (0..to.len()).rev() {
            common[i][j] = if from[i] == to[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut edits = Vec::with_capacity(from.len().max(to.len()));
    while i < from.len() || j < to.len() {
        if i < from.len() && j < to.len() && from[i] == to[j] {
            edits.push((' ', from[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == to.len() || i < from.len() && common[i + 1][j] >= common[i][j + 1] {
            edits.push(('-', from[i]));
            i += 1;
        } else {
            edits.push(('+', to[j]));
            j += 1;
        }
    }
    edits
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
    fn two_differences_are_shown_without_what_is_equal_between_them() {
        let shown = difference("a\n1\n2\n3\n4\n5\n6\nb", "x\n1\n2\n3\n4\n5\n6\ny");
        let expected = "--- Linux, +++ Warren\n- a\n+ x\n  1\n  2\n...\n  5\n  6\n- b\n+ y";
        assert_eq!(shown.as_deref(), Some(expected));
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
