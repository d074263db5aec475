package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.cli.demo.GrammarExample.Kind;
import org.loft4j.cli.demo.SentencePair.Split;

/** All sentences here are made up. */
class LanguageToolPairsTest {
    private static final String TRAIN = id(Split.TRAIN);
    private static final String VALID = id(Split.VALID);
    private static final String TEST = id(Split.TEST);

    @Test
    void readsKindsByNestingAndAttributes() throws Exception {
        List<GrammarExample> examples = read("""
                <category id="C">
                  <rule id="ALONE">
                    <antipattern><token/><example correction="x">An <marker>anti</marker> pattern.</example></antipattern>
                    <example correction="mice|rats">Two <marker>mouses</marker> ran.</example>
                    <example type="incorrect">Marked so.</example>
                    <example type="triggers_error">A false alarm.</example>
                    <example type="correct">Said to be right.</example>
                    <example>Two <marker>mice</marker> and <marker>rats</marker>.</example>
                  </rule>
                  <rulegroup id="GROUP">
                    <antipattern><example>Of the group.</example></antipattern>
                    <rule><example>First of it.</example></rule>
                    <rule id="OWN"><example>Second of it.</example></rule>
                  </rulegroup>
                </category>""");
        assertEquals(
                List.of(
                        new GrammarExample(Kind.CORRECT, "ALONE", true, "An anti pattern.", null),
                        new GrammarExample(Kind.INCORRECT, "ALONE", true, "Two mouses ran.", "Two mice ran."),
                        new GrammarExample(Kind.INCORRECT, "ALONE", true, "Marked so.", null),
                        new GrammarExample(Kind.FALSE_ALARM, "ALONE", true, "A false alarm.", null),
                        new GrammarExample(Kind.CORRECT, "ALONE", true, "Said to be right.", null),
                        new GrammarExample(Kind.CORRECT, "ALONE", true, "Two mice and rats.", null),
                        new GrammarExample(Kind.CORRECT, "GROUP", true, "Of the group.", null),
                        new GrammarExample(Kind.CORRECT, "GROUP", true, "First of it.", null),
                        new GrammarExample(Kind.CORRECT, "GROUP", true, "Second of it.", null)),
                examples);
    }

    @Test
    void anEmptyCorrectionDeletesOnlyWhereTheRuleSuggestsNothingToStandThere() throws Exception {
        List<GrammarExample> examples = read("""
                <category>
                  <rule id="DELETES">
                    <message>Drop it: <suggestion/></message>
                    <example correction="">Wait <marker>for</marker> me.</example>
                  </rule>
                  <rule id="SUGGESTS_NOTHING">
                    <message>See <suggestion><match no="1"/></suggestion></message>
                    <example correction="">Wait <marker>for</marker> him.</example>
                  </rule>
                  <rule id="DELETES_LATER">
                    <example correction="">Wait <marker>for</marker> her.</example>
                    <message><suggestion></suggestion></message>
                  </rule>
                </category>""");
        assertEquals("Wait me.", examples.get(0).corrected());
        assertEquals(null, examples.get(1).corrected());
        assertEquals("Wait her.", examples.get(2).corrected());
    }

    @Test
    void whatIsOffAtAnyLevelIsOff() throws Exception {
        List<GrammarExample> examples = read("""
                <category default="off"><rule id="A"><example>a</example></rule></category>
                <category>
                  <rulegroup id="B" default="temp_off"><rule><example>b</example></rule></rulegroup>
                  <rule id="C" default="off"><example>c</example></rule>
                  <rule id="D" default="on"><example>d</example></rule>
                  <rulegroup id="E"><rule default="off"><example>e</example></rule><rule><example>f</example></rule></rulegroup>
                </category>""");
        assertEquals(
                List.of(false, false, false, true, false, true),
                examples.stream().map(GrammarExample::enabled).toList());
    }

    @Test
    void collapsesWhiteSpaceAndExpandsTheFilesOwnEntities() throws Exception {
        String xml =
                "\uFEFF<?xml version=\"1.0\" encoding=\"UTF-8\"?><!DOCTYPE rules [<!ENTITY nbsp \"&#x00A0;\"><!ENTITY w \"words\">]>"
                        + "<rules><category><rule id=\"A\"><example correction=\"&w;\">  some\n\t&nbsp; <marker>wordses</marker><!-- x --> &w;"
                        + " </example></rule></category></rules>";
        assertEquals(
                List.of(new GrammarExample(Kind.INCORRECT, "A", true, "some wordses words", "some words words")),
                GrammarReader.read("g.xml", stream(xml)));
    }

    @Test
    void readsNothingOutsideTheFile(@TempDir Path dir) throws Exception {
        Path secret = Files.writeString(dir.resolve("secret.txt"), "SECRET");
        String xml = "<!DOCTYPE rules [<!ENTITY s SYSTEM \"" + secret.toUri() + "\">]>"
                + "<rules><category><rule id=\"A\"><example>x &s; y</example></rule></category></rules>";
        try {
            List<GrammarExample> examples = GrammarReader.read("g.xml", stream(xml));
            assertTrue(examples.stream().noneMatch(example -> example.text().contains("SECRET")), examples.toString());
        } catch (AssetException e) {
            assertTrue(e.getMessage().startsWith("g.xml: "), e.getMessage());
        }
    }

    @Test
    void refusesAnEntityBombAndBrokenXml() {
        StringBuilder bomb = new StringBuilder("<!DOCTYPE rules [<!ENTITY a0 \"aaaaaaaaaa\">");
        for (int i = 1; i < 12; i++) {
            bomb.append("<!ENTITY a").append(i).append(" \"");
            bomb.append(("&a" + (i - 1) + ";").repeat(10)).append("\">");
        }
        bomb.append("]><rules><category><rule id=\"A\"><example>&a11;</example></rule></category></rules>");
        assertThrows(AssetException.class, () -> GrammarReader.read("g.xml", stream(bomb.toString())));
        for (String xml : List.of(
                "",
                "not xml",
                "<rules><category><rule id='A'><example>cut",
                "<other/>",
                "<rules><rule><example>x</example></rule></rules>")) {
            AssetException e = assertThrows(AssetException.class, () -> GrammarReader.read("g.xml", stream(xml)));
            assertTrue(e.getMessage().startsWith("g.xml: not a readable grammar.xml"), e.getMessage());
        }
    }

    @Test
    void splitsByTheDigestOfTheGroup() {
        // sha256("COMMA_COMPOUND_SENTENCE_2") and the others: splits as published with the counts of the English file
        assertEquals(Split.TRAIN, LanguageToolPairs.splitOf("ASIDE"));
        assertEquals(Split.TRAIN, LanguageToolPairs.splitOf("COMMA_COMPOUND_SENTENCE_2"));
        assertEquals(Split.VALID, LanguageToolPairs.splitOf("HASNT_IRREGULAR_VERB"));
        assertEquals(Split.TEST, LanguageToolPairs.splitOf("I_ME"));
        assertEquals(Split.TEST, LanguageToolPairs.splitOf("FROM_FORM"));
    }

    @Test
    void pairsAnErrorWithItsCorrection() {
        List<SentencePair> pairs = select(
                wrong(TRAIN, "Two mouses.", "Two mice."),
                right(TRAIN, "Nothing to see."),
                wrong(TEST, "He go.", "He goes."),
                wrong(TRAIN, "No suggestion.", null),
                wrong(TRAIN, "Unchanged.", "Unchanged."),
                new GrammarExample(Kind.INCORRECT, TRAIN, false, "It am off.", "It is off."),
                new GrammarExample(Kind.FALSE_ALARM, TRAIN, true, "An alarm.", null));
        assertEquals(
                List.of(
                        new SentencePair(Split.TRAIN, "Two mouses.", "Two mice."),
                        new SentencePair(Split.TEST, "He go.", "He goes.")),
                pairs);
    }

    @Test
    void dropsTextsWithBothLabelsAndCorrectionsThatAreThemselvesWrong() {
        assertEquals(List.of(), select(wrong(TRAIN, "Both.", "Other."), right(TEST, "Both.")));
        assertEquals(
                List.of(new SentencePair(Split.TRAIN, "Worse.", "Good.")),
                select(wrong(TRAIN, "Bad.", "Worse."), wrong(TRAIN, "Worse.", "Good.")));
    }

    @Test
    void aTextOfSeveralRulesGoesToTheLatestSplitWithTheCorrectionGivenThere() {
        assertEquals(
                List.of(new SentencePair(Split.TEST, "Twice.", "Of test.")),
                select(
                        wrong(TRAIN, "Twice.", "Of train."),
                        wrong(TEST, "Twice.", "Of test."),
                        wrong(VALID, "Twice.", "Of valid."),
                        wrong(TEST, "Twice.", "Later.")));
    }

    @Test
    void dropsAnEarlierSentenceThatEqualsALaterOneButForCaseAndPunctuation() {
        assertEquals(
                List.of(new SentencePair(Split.TEST, "so, it be", "So it is.")),
                select(wrong(TRAIN, "So it BE!", "So it is!"), wrong(TEST, "so, it be", "So it is.")));
        assertEquals(
                2,
                select(wrong(TRAIN, "So it BE!", "x"), wrong(TRAIN, "so, it be", "y"))
                        .size());
        assertEquals(List.of(), select(wrong(VALID, "So it BE!", "x"), right(TEST, "So it be")));
    }

    @Test
    void writesTwoRowsAPairIntoTheFileOfItsSplit(@TempDir Path dir) throws Exception {
        LanguageToolPairs.write(
                dir,
                List.of(
                        new SentencePair(Split.TRAIN, "He \"go\".", "He goes."),
                        new SentencePair(Split.VALID, "Élan be.", "Élan is.")));
        assertEquals(
                List.of(
                        "{\"text\":\"He \\\"go\\\".\",\"label\":\"error\"}",
                        "{\"text\":\"He goes.\",\"label\":\"correct\"}"),
                Files.readAllLines(dir.resolve("train.jsonl")));
        assertEquals(
                "{\"text\":\"Élan be.\",\"label\":\"error\"}",
                Files.readAllLines(dir.resolve("valid.jsonl")).get(0));
        assertEquals(List.of(), Files.readAllLines(dir.resolve("test.jsonl")));
    }

    private static String id(Split split) {
        for (char c = 'A'; ; c++) {
            if (LanguageToolPairs.splitOf("RULE_" + c) == split) {
                return "RULE_" + c;
            }
        }
    }

    private static GrammarExample wrong(
            String group, String text, @org.jspecify.annotations.Nullable String corrected) {
        return new GrammarExample(Kind.INCORRECT, group, true, text, corrected);
    }

    private static GrammarExample right(String group, String text) {
        return new GrammarExample(Kind.CORRECT, group, true, text, null);
    }

    private static List<SentencePair> select(GrammarExample... examples) {
        return LanguageToolPairs.select(new ArrayList<>(List.of(examples)));
    }

    private static List<GrammarExample> read(String body) throws AssetException {
        return GrammarReader.read("g.xml", stream("<rules lang=\"en\">" + body + "</rules>"));
    }

    private static ByteArrayInputStream stream(String xml) {
        return new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8));
    }
}
