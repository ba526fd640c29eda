//! For tests of what parses what others wrote: bytes as a hand, a merge, a cut connection or a liar leaves them.
//!
//! Inputs begin with seeds, sound ones, which are spoiled: pieces go missing, double, change places, come from another seed, or are replaced
//! by something awkward; now and then they are no more than such pieces, or any bytes. In the tests there are a few hundred of them, the same
//! ones each time: whoever changes something else is not to be stopped by luck. `cargo xtask fuzz --minutes N` goes on for longer, and each
//! run takes other inputs. The smallest input that fails is printed.
//!
//! Tests that use this stand in a module called `fuzz`: that is how `cargo xtask fuzz` finds them.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestError, TestRng, TestRunner};

/// Seconds that each test takes; without it, [`CASES`] inputs.
pub const SECONDS: &str = "ARCUS_FUZZ_SECONDS";
/// Inputs of a test, where nobody says for how long.
const CASES: u32 = 300;

/// What is awkward in every text.
const AWKWARD: [&[u8]; 40] = [
    b"", b" ", b"\n", b"\r\n", b"\t", b"\0", b"\x1b[2J", b"\x1b]0;", b"\x07", b"\xff", b"\xc3", b"\xf0\x9f", "\u{202e}".as_bytes(), "\u{feff}".as_bytes(),
    "\u{85}".as_bytes(), "\u{2028}".as_bytes(), "\u{e4}".as_bytes(), b"'", b"\"", b"\\", b"/", b"../", b"-", b"--", b"=", b":", b",", b";", b"#", b"@", b"|", b"+",
    b"[", b"]", b"{", b"}", b"<", b">", b"-1", b"99999999999999999999",
];

/// What happens to bytes.
#[derive(Clone, Debug)]
enum Edit {
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Copy(prop::sample::Index, usize, prop::sample::Index),
    Flip(prop::sample::Index, u8),
    /// All that follows.
    Cut(prop::sample::Index),
    /// The end of another seed.
    Graft(prop::sample::Index, prop::sample::Index, prop::sample::Index),
}

/// Tries a parser with many inputs made of these seeds and words; `test` panics when something is wrong.
///
/// # Panics
/// With the smallest input for which `test` panics.
pub fn bytes(seeds: &[&[u8]], words: &[&str], test: impl Fn(&[u8])) {
    for seed in seeds {
        test(seed);
    }
    let strategy = inputs(seeds, words);
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let time = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs_f64);
    let mut runner = match time {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let begun = Instant::now();
    loop {
        let tried = runner.run(&strategy, |input| -> TestCaseResult {
            test(&input);
            Ok(())
        });
        match tried {
            Ok(()) => {}
            Err(TestError::Fail(why, input)) => panic!("{why}\ninput, {} bytes: {:?}\nas text:\n{}", input.len(), input.escape_ascii().to_string(), String::from_utf8_lossy(&input)),
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
        if time.is_none_or(|time| begun.elapsed() >= time) {
            return;
        }
    }
}

/// As [`bytes`], for what takes text: inputs that are no UTF-8 have that replaced.
///
/// # Panics
/// As [`bytes`].
pub fn text(seeds: &[&str], words: &[&str], test: impl Fn(&str)) {
    let seeds: Vec<&[u8]> = seeds.iter().map(|seed| seed.as_bytes()).collect();
    bytes(&seeds, words, |input| test(&String::from_utf8_lossy(input)));
}

/// Inputs for a test of its own making.
pub fn inputs(seeds: &[&[u8]], words: &[&str]) -> BoxedStrategy<Vec<u8>> {
    let mut pieces: Vec<Vec<u8>> = AWKWARD.iter().map(|piece| piece.to_vec()).collect();
    pieces.extend(words.iter().map(|word| word.as_bytes().to_vec()));
    let piece = prop::sample::select(pieces);
    let any_bytes = prop::collection::vec(any::<u8>(), 0..300);
    let of_pieces = prop::collection::vec(piece.clone(), 0..60).prop_map(|pieces| pieces.concat());
    let all: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    if all.is_empty() {
        return prop_oneof![any_bytes, of_pieces].boxed();
    }
    let edit = prop_oneof![
        4 => (any::<prop::sample::Index>(), 1..40_usize).prop_map(|(at, len)| Edit::Remove(at, len)),
        4 => (any::<prop::sample::Index>(), piece).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        4 => (any::<prop::sample::Index>(), 1..80_usize, any::<prop::sample::Index>()).prop_map(|(from, len, to)| Edit::Copy(from, len, to)),
        4 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, mask)| Edit::Flip(at, mask)),
        1 => any::<prop::sample::Index>().prop_map(Edit::Cut),
        1 => (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(seed, from, to)| Edit::Graft(seed, from, to)),
    ];
    let others = all.clone();
    let spoiled = (prop::sample::select(all), prop::collection::vec(edit, 1..8)).prop_map(move |(seed, edits)| edits.iter().fold(seed, |bytes, edit| apply(bytes, edit, &others)));
    prop_oneof![8 => spoiled, 1 => of_pieces, 1 => any_bytes].boxed()
}

fn apply(mut bytes: Vec<u8>, edit: &Edit, seeds: &[Vec<u8>]) -> Vec<u8> {
    let places = bytes.len() + 1;
    match edit {
        Edit::Remove(at, len) => {
            let at = at.index(places);
            let end = (at + len).min(bytes.len());
            bytes.drain(at..end);
        }
        Edit::Insert(at, piece) => {
            let at = at.index(places);
            bytes.splice(at..at, piece.iter().copied());
        }
        Edit::Copy(from, len, to) => {
            let from = from.index(places);
            let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
            let to = to.index(places);
            bytes.splice(to..to, piece);
        }
        Edit::Flip(at, mask) => {
            if let Some(byte) = bytes.get_mut(at.index(places)) {
                *byte ^= mask;
            }
        }
        Edit::Cut(at) => bytes.truncate(at.index(places)),
        Edit::Graft(seed, from, to) => {
            let other = &seeds[seed.index(seeds.len())];
            bytes.truncate(to.index(places));
            bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn what_fails_is_found_and_made_small() {
        let found = catch_unwind(AssertUnwindSafe(|| text(&["name = value\n"], &["bad"], |text| assert!(!text.contains("bad"), "it is in it")))).unwrap_err();
        let said = found.downcast_ref::<String>().unwrap();
        assert!(said.contains("it is in it") && said.contains("as text:\n"), "{said}");
    }

    #[test]
    fn seeds_are_tried_as_they_are_and_most_inputs_are_like_them() {
        let seed: String = (0..20).map(|number| format!("line{number} = {number}\n")).collect();
        let (same, like, all) = (Cell::new(0), Cell::new(0), Cell::new(0));
        text(&[&seed], &[], |text| {
            all.set(all.get() + 1);
            same.set(same.get() + usize::from(text == seed));
            like.set(like.get() + usize::from(text.contains("line")));
        });
        assert!(same.get() >= 1 && like.get() * 2 > all.get() && all.get() > CASES as usize, "{same:?} {like:?} {all:?}");
    }
}
