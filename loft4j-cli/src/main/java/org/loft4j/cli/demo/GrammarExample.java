package org.loft4j.cli.demo;

import org.jspecify.annotations.Nullable;

/**
 * One example sentence of LanguageTool's rules, white space collapsed.
 *
 * @param kind what the sentence is an example of
 * @param group id of the rule's group, or of the rule where it stands alone
 * @param enabled whether rule, group and category are on by default
 * @param text the sentence
 * @param corrected the sentence with its marked words replaced by the first suggestion, where there is one
 */
record GrammarExample(
        Kind kind,
        String group,
        boolean enabled,
        String text,
        @Nullable String corrected) {
    /** What a sentence shows. */
    enum Kind {
        /** Holds the error that the rule looks for. */
        INCORRECT,
        /** The rule must not fire. */
        CORRECT,
        /** The rule fires though the sentence is right; LanguageTool itself does not use these. */
        FALSE_ALARM
    }
}
