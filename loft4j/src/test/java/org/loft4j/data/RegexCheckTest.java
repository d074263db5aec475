package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RegexCheckTest {
    /** GPT-2's, and those of families that came later. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}",
                "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*",
                "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
                " ?[^(\\s|[.,!?…。，、।۔،])]+",
                "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{M}]*[\\p{Ll}\\p{M}]+(?i:'s|'t)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                "[0-9][0-9][0-9]",
                "\\s+",
                "[一-龥぀-ゟ゠-ヿ]+",
                "(a|b)?c",
                " {2,}",
                "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                "\\p{Nd}{1,3}(?=(?:\\p{Nd}{3})+(?!\\p{Nd}))",
                "\\p{N}{1,3}(?=(?:\\p{N}{3})*)"
            })
    void patternsOfKnownTokenizersAreSound(String pattern) {
        assertNull(RegexCheck.fault(pattern), () -> pattern + " " + RegexCheck.fault(pattern));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(a+)+$",
                "(a*)*",
                "(a|aa)+$",
                "(((a)*b)*)*",
                "a*a*a*a*a*b",
                "(a{1,99}){1,99}",
                "a{99999}",
                "a{2,100000}",
                "([a-z]+|b)*x"
            })
    void patternsWithoutEndAreNot(String pattern) {
        assertNotNull(RegexCheck.fault(pattern));
    }

    /** Where what follows does not fit, each is tried at every length: a text of 400 characters ended the process. */
    @Test
    void repetitionsBehindWhichSomethingMustFitAreBounded() {
        assertNotNull(RegexCheck.fault(".*.*.*(?<=x)"));
        assertNotNull(RegexCheck.fault("(?:.*.*.*)x"));
        assertNotNull(RegexCheck.fault(".*.*(?:.*(?<=x))"));
        assertNotNull(RegexCheck.fault(".*(?:.*(?:.*(?<=x)))"));
        assertNotNull(RegexCheck.fault("(?:.*.*(?:a|b.*))x"));
        assertNotNull(RegexCheck.fault(".{0,8}.{0,8}.*.*x"));
        assertNull(RegexCheck.fault("\\d+-\\d+-\\d+"));
        assertNull(RegexCheck.fault("[\\w.]+@[a-z]+\\.[a-z]+"));
        assertNull(RegexCheck.fault("\\s*[\\r\\n]+(?:a|b)?"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(?<r>.\\g<r>?\\g<r>?)(?<=x)",
                "(?<a>.)\\k<a>",
                "(.*)\\1",
                "(?~ab)",
                "(?{x})",
                "(*FAIL)",
                "(?#[).*.*.*.*(?<=x)|]",
                "(?:\\c[)?.*|]",
                "(?x) a # [\n.*",
                "(?i-mx:a)"
            })
    void whatNoTokenizerHasIsNot(String pattern) {
        assertNotNull(RegexCheck.fault(pattern));
    }

    /** None has a repetition without end: what multiplies is the number of ways to share out the characters. */
    @Test
    void waysThatMultiplyAreBounded() {
        assertNotNull(RegexCheck.fault(".?".repeat(30) + "(?!)"));
        assertNotNull(RegexCheck.fault("(?:a|b|ab)".repeat(100)));
        assertNotNull(RegexCheck.fault(".{0,8}".repeat(20) + "(?!)"));
        assertNotNull(RegexCheck.fault("(?:(?:.{0,8}){0,8}){0,8}(?!)"));
        assertNotNull(RegexCheck.fault("(?:(?:a|ab){8}){8}c"));
        assertNotNull(RegexCheck.fault("(?:aa?)*(?!)"));
        assertNotNull(RegexCheck.fault("[^^]" + ".?".repeat(30) + "(?!)]"));
        assertNull(RegexCheck.fault("[+-]?\\d{1,3}(?:st|nd|rd|th)?"));
    }

    @Test
    void whatNativeCodeReadsByRecursionIsBounded() {
        assertNotNull(RegexCheck.fault("(".repeat(2000) + " {2,}"));
        assertNotNull(RegexCheck.fault("(".repeat(2000) + "a" + ")".repeat(2000)));
        assertNotNull(RegexCheck.fault("(?i)".repeat(2000) + "a"));
        assertNotNull(RegexCheck.fault("[a".repeat(2000) + "]".repeat(2000)));
        assertNotNull(RegexCheck.fault("a" + "{1}".repeat(2000)));
        assertNotNull(RegexCheck.fault("a" + "?".repeat(2000)));
    }
}
