//! GetRandomPassword: what it may consist of, and that nothing is favoured.

use super::*;
use std::collections::BTreeMap;

fn password() -> GetRandomPassword {
    GetRandomPassword {
        length: 32,
        exclude_characters: "".into(),
        exclude_uppercase: false,
        exclude_lowercase: false,
        exclude_numbers: false,
        exclude_punctuation: false,
        include_space: false,
        require_each_included_type: true,
    }
}

fn draw(world: &World, op: GetRandomPassword) -> Result<String, Error> {
    let plaintext = world.query(op)?;
    Ok(String::from_utf8(plaintext.expose().to_vec()).unwrap())
}

const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const UPPERCASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWERCASE: &str = "abcdefghijklmnopqrstuvwxyz";
const NUMBERS: &str = "0123456789";

/// Which characters there are, of many passwords together.
fn alphabet(world: &World, op: impl Fn() -> GetRandomPassword) -> String {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        seen.extend(draw(world, op()).unwrap().chars());
    }
    seen.into_iter().collect()
}

fn sorted(parts: &[&str]) -> String {
    let mut all: Vec<char> = parts.concat().chars().collect();
    all.sort_unstable();
    all.into_iter().collect()
}

#[test]
fn every_switch_has_its_characters() {
    let world = World::new();
    let long = || GetRandomPassword { length: 400, ..password() };
    let all = [UPPERCASE, LOWERCASE, NUMBERS, PUNCTUATION];
    assert_eq!(alphabet(&world, long), sorted(&all));
    let found = alphabet(&world, || GetRandomPassword { exclude_uppercase: true, ..long() });
    assert_eq!(found, sorted(&[LOWERCASE, NUMBERS, PUNCTUATION]));
    let found = alphabet(&world, || GetRandomPassword { exclude_lowercase: true, ..long() });
    assert_eq!(found, sorted(&[UPPERCASE, NUMBERS, PUNCTUATION]));
    let found = alphabet(&world, || GetRandomPassword { exclude_numbers: true, ..long() });
    assert_eq!(found, sorted(&[UPPERCASE, LOWERCASE, PUNCTUATION]));
    let found = alphabet(&world, || GetRandomPassword { exclude_punctuation: true, ..long() });
    assert_eq!(found, sorted(&[UPPERCASE, LOWERCASE, NUMBERS]));
    let spaced = || GetRandomPassword { include_space: true, ..long() };
    assert_eq!(alphabet(&world, spaced), sorted(&[&all[..], &[" "]].concat()));
    let without = || GetRandomPassword { exclude_characters: " é\"A0z".into(), ..spaced() };
    let expected = sorted(&all).replace(['"', 'A', '0', 'z'], "");
    assert_eq!(alphabet(&world, without), expected);
}

#[test]
fn every_length_has_its_types() {
    let world = World::new();
    for length in [4, 5, 8, 32, 4096] {
        for _ in 0..50_usize.min(4096 / length) {
            let drawn = draw(&world, GetRandomPassword { length, ..password() }).unwrap();
            assert_eq!(drawn.len(), length);
            for of in [UPPERCASE, LOWERCASE, NUMBERS, PUNCTUATION] {
                assert!(drawn.contains(|c| of.contains(c)), "{drawn}");
            }
        }
    }
    let two = || GetRandomPassword {
        length: 2,
        exclude_numbers: true,
        exclude_punctuation: true,
        include_space: true,
        ..password()
    };
    assert!((0..50).all(|_| !draw(&world, two()).unwrap().contains(' ')), "no room for a space");
}

#[test]
fn requests_that_cannot_be_met() {
    let world = World::new();
    let short = GetRandomPassword { length: 3, ..password() };
    assert_eq!(draw(&world, short), Err(Error::PasswordTooShort));
    let free = GetRandomPassword { length: 1, require_each_included_type: false, ..password() };
    assert_eq!(draw(&world, free).unwrap().len(), 1);
    let without = |require_each_included_type, exclude: &str| GetRandomPassword {
        exclude_characters: exclude.into(),
        require_each_included_type,
        ..password()
    };
    assert_eq!(draw(&world, without(true, NUMBERS)), Err(Error::PasswordTypeExcluded));
    assert!(draw(&world, without(false, NUMBERS)).is_ok());
    let all = sorted(&[UPPERCASE, LOWERCASE, NUMBERS, PUNCTUATION]);
    assert_eq!(draw(&world, without(true, &all)), Err(Error::PasswordTypeExcluded));
    assert_eq!(draw(&world, without(false, &all)), Err(Error::PasswordAllExcluded));
    let nothing = || GetRandomPassword {
        exclude_uppercase: true,
        exclude_lowercase: true,
        exclude_numbers: true,
        exclude_punctuation: true,
        ..password()
    };
    assert_eq!(draw(&world, nothing()), Err(Error::PasswordAllExcluded));
    let spaces = GetRandomPassword { include_space: true, ..nothing() };
    assert_eq!(draw(&world, spaces).unwrap(), " ".repeat(32));
}

/// How far counts are from equal ones: chi-square, which is about as large as the number of
/// possibilities if there is no bias, and grows with the number of draws if there is.
fn chi_square<T: Ord>(draws: impl Iterator<Item = T>, possible: &[T]) -> f64 {
    let mut counts: BTreeMap<&T, u32> = possible.iter().map(|one| (one, 0)).collect();
    let mut total = 0_u32;
    for drawn in draws {
        let count = possible.iter().find(|one| **one == drawn).and_then(|one| counts.get_mut(one));
        *count.expect("only what is possible is drawn") += 1;
        total += 1;
    }
    let expected = f64::from(total) / f64::from(u32::try_from(possible.len()).unwrap());
    counts.values().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}

/// Each character has the same chance. The remainder of a byte by 94 would double the distance
/// from equal for two thirds of them: chi-square would be in the thousands.
#[test]
fn no_character_is_favoured() {
    let world = World::new();
    let free =
        || GetRandomPassword { length: 4096, require_each_included_type: false, ..password() };
    let text: String = (0..10).map(|_| draw(&world, free()).unwrap()).collect();
    let possible: Vec<char> =
        sorted(&[UPPERCASE, LOWERCASE, NUMBERS, PUNCTUATION]).chars().collect();
    // 93 degrees of freedom: 160 is exceeded by one unbiased source in fifty thousand.
    let distance = chi_square(text.chars(), &possible);
    assert!(distance < 160.0, "{distance}");
}

/// Each password that has every required type has the same chance; one that was made by placing one
/// of each type and filling up has not, wherever it is placed.
#[test]
fn no_password_is_favoured() {
    let world = World::new();
    let left = "AabC0";
    let all = sorted(&[UPPERCASE, LOWERCASE, NUMBERS]);
    let few = || GetRandomPassword {
        length: 4,
        exclude_punctuation: true,
        exclude_characters: all.replace(|c| left.contains(c), "").into(),
        ..password()
    };
    let mut possible = vec![String::new()];
    for _ in 0..4 {
        possible = possible
            .iter()
            .flat_map(|start| left.chars().map(move |c| format!("{start}{c}")))
            .collect();
    }
    let has = |text: &str, of: &str| text.contains(|c| of.contains(c));
    possible.retain(|text| has(text, "AC") && has(text, "ab") && has(text, "0"));
    let draws = (0..20_000).map(|_| draw(&world, few()).unwrap());
    let distance = chi_square(draws, &possible);
    // As many degrees of freedom, less one; their deviation is the root of twice as many.
    let freedom = f64::from(u32::try_from(possible.len() - 1).unwrap());
    assert!(distance < freedom + 4.5 * (2.0 * freedom).sqrt(), "{distance} of {freedom}");
}
