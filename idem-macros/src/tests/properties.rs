//! What holds for every attribute.

use proptest::prelude::*;

use super::any_attribute::{chosen, expands};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_choice_of_options_and_function_expands(bytes in prop::collection::vec(any::<u8>(), 0..48)) {
        let (args, item) = chosen(&bytes);
        expands(&args, &item);
    }

    #[test]
    fn any_text_expands(
        args in "([a-z_]{0,9} ?(=|:|==)? ?([a-z0-9.&*!?]{0,6}|\"[^\"\\\\]{0,12}\"|[(][a-z,.& ]{0,8}[)]),? ?){0,4}",
        item in "(async |const |pub )?fn [a-z]{1,3}[(]([a-z_]{1,3}: [A-Z][a-z]{0,3},? ?){0,3}[)] ?[{][a-z.;!? ]{0,12}[}]",
    ) {
        expands(&args, &item);
    }
}
