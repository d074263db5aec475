package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.cli.report.Curve;

/** What a summary makes of runs whose figures are known. */
class SummaryTest {
    private final List<TrialResult> results = new ArrayList<>();

    /** Of the data, by the names under which settings have them. */
    private Map<String, Object> data = Map.of();

    /** That each run has. */
    private int steps;

    private void run(String contender, int rank, double rate, long seed, double validation, double test) {
        run(contender, rank, rate, seed, validation, test, 0);
    }

    private void run(String contender, int rank, double rate, long seed, double validation, double test, long skipped) {
        Curve loss = new Curve();
        for (int step = 1; step <= steps; step++) {
            loss.add(step, 1);
        }
        results.add(new TrialResult(
                new Trial(Contender.parse(contender), rank, rate, seed, 0),
                null,
                data,
                Map.of("accuracy", validation, "loss", 1 - validation),
                Map.of("accuracy", test, "loss", 1 - test),
                false,
                skipped,
                new TrialResult.Cost(10, 12, 1000, 1, 1, 0),
                loss,
                new Curve(),
                List.of(),
                Map.of()));
    }

    private void failed(String contender, int rank, double rate, long seed) {
        results.add(new TrialResult(
                new Trial(Contender.parse(contender), rank, rate, seed, 0),
                "not finite",
                data,
                Map.of(),
                Map.of(),
                false,
                null,
                new TrialResult.Cost(Double.NaN, 12, Double.NaN, 0, 0, 0),
                new Curve(),
                new Curve(),
                List.of(),
                Map.of()));
    }

    private Summary summary(Long... sweep) {
        return Summary.of(
                results,
                "accuracy",
                List.of(sweep),
                Baseline.of(
                        results.stream()
                                .map(result -> result.trial().contender())
                                .toList(),
                        Baseline.DEFAULT));
    }

    private Standing standing(String contender, Long... sweep) {
        return summary(sweep).standings().stream()
                .filter(row -> row.entry().contender().name().equals(contender))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void theValidationDataChoosesAndTheTestDataReports() {
        run("lora", 4, 1e-4, 0, 0.80, 0.99);
        run("lora", 4, 1e-3, 0, 0.90, 0.70);
        run("lora", 4, 1e-2, 0, 0.85, 0.95);
        Standing lora = standing("lora", 0L);
        assertEquals(1e-3, lora.rate());
        assertEquals(0.70, lora.test().mean(), 1e-12);
        assertEquals(BestRate.Edge.INSIDE, lora.edge());
        assertNull(lora.toBaseline());
    }

    @Test
    void seedsBeyondTheSweepChooseNothing() {
        run("lora", 4, 1e-4, 0, 0.90, 0.5);
        run("lora", 4, 1e-3, 0, 0.80, 0.5);
        run("lora", 4, 1e-3, 1, 0.99, 0.5);
        Standing lora = standing("lora", 0L);
        assertEquals(1e-4, lora.rate());
        assertEquals(BestRate.Edge.LOWEST, lora.edge());
        assertEquals(List.of(0L), lora.seeds());
    }

    /** More seeds of the sweep, as a later call may ask for, for one rate alone. */
    @Test
    void ratesAreComparedOverTheSeedsThatAllHave() {
        run("lora", 4, 1e-3, 0, 0.68, 0.5);
        run("lora", 4, 1e-2, 0, 0.59, 0.5);
        run("lora", 4, 1e-1, 0, 0.47, 0.5);
        run("lora", 4, 1e-1, 1, 0.99, 0.5);
        Standing lora = standing("lora", 0L, 1L);
        assertEquals(1e-3, lora.rate());
        assertEquals(0.68, lora.validation().mean(), 1e-12);
        assertTrue(lora.unevenly());
        assertTrue(
                SummaryTable.footnotes(summary(0L, 1L)).stream()
                        .anyMatch(note ->
                                note.startsWith("LoRA, rank 4: not all rates have been tried with the same seeds")),
                SummaryTable.footnotes(summary(0L, 1L)).toString());
        run("lora", 4, 1e-3, 1, 0.2, 0.5);
        run("lora", 4, 1e-2, 1, 0.2, 0.5);
        assertEquals(1e-1, standing("lora", 0L, 1L).rate());
        assertFalse(standing("lora", 0L, 1L).unevenly());
    }

    /** Differences −0.01, −0.02, −0.06: mean −0.03, s = √0.0007, t(0.975; 2) = 4.302653. */
    @Test
    void theDifferenceToFullIsPairedBySeed() {
        double[] full = {0.90, 0.80, 0.85};
        double[] lora = {0.89, 0.78, 0.79};
        for (int seed = 0; seed < 3; seed++) {
            run("full", 0, 1e-4, seed, 0.9, full[seed]);
            run("lora", 4, 1e-3, seed, 0.9, lora[seed]);
        }
        Sample toFull = standing("lora", 0L, 1L, 2L).toBaseline();
        assertNotNull(toFull);
        assertEquals(3, toFull.count());
        assertEquals(-0.03, toFull.mean(), 1e-12);
        assertEquals(4.302653 * Math.sqrt(0.0007) / Math.sqrt(3), toFull.halfWidth(), 1e-6);
    }

    /** The difference of the means, which are of other seeds, is another number. */
    @Test
    void aDifferenceOfFewerSeedsThanTheRowHasSaysSo() {
        run("full", 0, 1e-4, 0, 0.9, 0.90);
        run("full", 0, 1e-4, 1, 0.9, 0.80);
        for (int seed = 0; seed < 3; seed++) {
            run("lora", 4, 1e-3, seed, 0.9, seed < 2 ? 0.80 : 0.50);
        }
        String text = SummaryTable.text(summary(0L));
        assertTrue(text.contains(" -5.00 [-68.53, +58.53] (of 2)"), text);
        assertTrue(text.contains("(of n): only so many of the row's seeds have a run to be paired with."), text);
        run("full", 0, 1e-4, 2, 0.9, 0.50);
        assertFalse(SummaryTable.text(summary(0L)).contains("(of "), SummaryTable.text(summary(0L)));
    }

    /** A baseline's seed that failed takes one pair away, and not all. */
    @Test
    void aFailedSeedIsNoPair() {
        run("full", 0, 1e-4, 0, 0.9, 0.90);
        failed("full", 0, 1e-4, 1);
        run("lora", 4, 1e-3, 0, 0.9, 0.85);
        run("lora", 4, 1e-3, 1, 0.9, 0.80);
        Sample toFull = standing("lora", 0L).toBaseline();
        assertNotNull(toFull);
        assertEquals(1, toFull.count());
        assertEquals(-0.05, toFull.mean(), 1e-12);
    }

    @Test
    void ofEqualScoresTheSmallerRateWins() {
        run("loft", 1, 3e-4, 0, 0.9, 0.5);
        run("loft", 1, 1e-4, 0, 0.9, 0.5);
        assertEquals(1e-4, standing("loft", 0L).rate());
    }

    /** A mean of equal scores may differ from that of unequal ones in its last bit. */
    @Test
    void ofScoresOfOneMeanTheSmallerRateWins() {
        double[] same = {0.4, 0.4, 0.4};
        double[] spread = {0.35, 0.4, 0.45};
        for (int seed = 0; seed < 3; seed++) {
            run("loft", 1, 1e-4, seed, same[seed], 0.5);
            run("loft", 1, 3e-4, seed, spread[seed], 0.5);
            run("lora", 1, 1e-4, seed, spread[seed], 0.5);
            run("lora", 1, 3e-4, seed, same[seed], 0.5);
        }
        assertEquals(1e-4, standing("loft", 0L, 1L, 2L).rate());
        assertEquals(1e-4, standing("lora", 0L, 1L, 2L).rate());
    }

    @Test
    void fullFineTuningStandsFirstAndRanksAscend() {
        run("lora", 16, 1e-3, 0, 0.9, 0.9);
        run("lora", 2, 1e-3, 0, 0.9, 0.9);
        run("full", 0, 1e-4, 0, 0.9, 0.9);
        List<String> titles =
                summary(0L).standings().stream().map(row -> row.entry().title()).toList();
        assertEquals(List.of("full fine-tuning", "LoRA, rank 2", "LoRA, rank 16"), titles);
    }

    @Test
    void theTableGivesSharesInPercentAndMarksTheEdge() {
        run("lora", 4, 1e-4, 0, 0.80, 0.81234);
        run("lora", 4, 1e-3, 0, 0.90, 0.91234);
        String text = SummaryTable.text(summary(0L));
        assertTrue(text.contains("91.23"), text);
        assertTrue(text.contains("1e-3 ↑"), text);
        assertTrue(text.contains("a higher one may be better still"), text);
    }

    @Test
    void stepsThatMovedNothingAreToldOf() {
        run("lora", 4, 1e-3, 0, 0.9, 0.9, 2);
        run("lora", 4, 1e-3, 1, 0.9, 0.9, 3);
        run("loft", 4, 1e-3, 0, 0.9, 0.9);
        Summary summary = summary(0L);
        String text = SummaryTable.text(summary);
        assertTrue(text.lines().anyMatch(line -> line.contains("LoRA") && line.endsWith("5 steps skipped")), text);
        assertEquals(1, text.split("steps skipped", -1).length - 1, text);
        String tree = String.valueOf(SummaryFiles.tree(summary));
        assertTrue(tree.contains("skipped_steps=5") && tree.contains("skipped_steps=3"), tree);
    }

    /** As one is that was stopped behind its last step. */
    @Test
    void aRunThatTellsNoSecondsTakesThoseOfTheOthersNotAway() {
        run("lora", 4, 1e-3, 0, 0.9, 0.9);
        TrialResult timed = results.get(0);
        results.add(new TrialResult(
                new Trial(Contender.parse("lora"), 4, 1e-3, 1, 0),
                null,
                data,
                timed.validation(),
                timed.test(),
                false,
                0L,
                new TrialResult.Cost(Double.NaN, 1, Double.NaN, 1, 1, 0),
                new Curve(),
                new Curve(),
                List.of(),
                Map.of()));
        assertEquals(10, standing("lora", 0L).seconds().mean());
        assertEquals(1000, standing("lora", 0L).tokensPerSecond());
    }

    private String footnotes() {
        results.clear();
        run("lora", 4, 1e-3, 0, 0.9, 0.9);
        return String.join("\n", SummaryTable.footnotes(summary(0L)));
    }

    @Test
    void testDataThatChoseOrWereLearntAreSaidToBe() {
        String chose = "The test data are the validation data,";
        String learnt = "The test data are the training data:";
        String nothing = "; the test data chose nothing.";
        String before = footnotes();
        assertTrue(before.contains(nothing), "a run from before data were named: " + before);
        data = Map.of("train_data", "a", "eval_data", "b", "test_data", "c");
        assertEquals(before, footnotes());
        data = Map.of("train_data", "a", "eval_data", "b", "test_data", "b");
        assertTrue(footnotes().contains(chose) && !footnotes().contains(nothing), footnotes());
        data = Map.of("train_data", "a", "eval_data", "b", "test_data", "a");
        assertTrue(footnotes().contains(learnt) && !footnotes().contains(nothing), footnotes());
        data = Map.of("test_rows_in_eval_data", "3 of 10");
        assertFalse(footnotes().contains(nothing), footnotes());
        data = Map.of("test_rows_in_train_data", "3 of 10");
        assertTrue(footnotes().contains(nothing), footnotes());
        data = Map.of("train_data", "a", "eval_data", "a", "test_data", "b");
        assertTrue(
                footnotes().contains("The validation data are the training data:")
                        && footnotes().contains(nothing),
                footnotes());
    }

    /** An older run, which does not tell it, comes first. */
    @Test
    void rowsThatStandInTwoPartsAreToldOf() {
        run("loft", 4, 1e-3, 0, 0.9, 0.9);
        data = Map.of("test_rows_in_train_data", "3 of 200", "eval_rows_in_train_data", "1 of 50");
        run("lora", 4, 1e-3, 0, 0.9, 0.9);
        String notes = String.join("\n", SummaryTable.footnotes(summary(0L)));
        assertTrue(notes.contains("\n3 of 200 test rows are training rows too, and tell what was learnt"), notes);
        assertTrue(notes.contains("\n1 of 50 validation rows are training rows too"), notes);
        assertFalse(notes.contains("validation rows too"), notes);
    }

    /** What stands there as RefLoRA's is then LoRA's to the last digit. */
    @Test
    void runsThatEndInRefLorasWarmUpAreToldOf() {
        data = Map.of("reflora_warmup", "4");
        steps = 5;
        run("reflora", 4, 1e-3, 0, 0.9, 0.9);
        run("lora", 4, 1e-3, 0, 0.9, 0.9);
        assertFalse(SummaryTable.text(summary(0L)).contains("warm-up"), SummaryTable.text(summary(0L)));
        steps = 4;
        run("reflora", 8, 1e-3, 0, 0.9, 0.9);
        run("lora", 8, 1e-3, 0, 0.9, 0.9);
        assertTrue(
                SummaryTable.footnotes(summary(0L))
                        .contains(
                                "RefLoRA, rank 8: LoRA throughout, since the runs are no longer than RefLoRA's warm-up"
                                        + " (--reflora-warmup)."),
                SummaryTable.text(summary(0L)));
    }

    /** The loss of a regression is its mean squared error. */
    @Test
    void besideTheErrorOfARegressionStandsNotTheSameNumberOnceMore() {
        Map<String, Double> scores = Map.of("loss", 0.25, "mse", 0.25, "pearson", 0.9, "spearmanr", 0.8);
        results.add(new TrialResult(
                new Trial(Contender.parse("lora"), 4, 1e-3, 0, 0),
                null,
                data,
                scores,
                scores,
                false,
                0L,
                new TrialResult.Cost(10, 12, 1000, 1, 1, 0),
                new Curve(),
                new Curve(),
                List.of(),
                Map.of()));
        Baseline none = Baseline.of(List.of(), Baseline.DEFAULT);
        for (Map.Entry<String, String> beside :
                Map.of("mse", "pearson", "loss", "pearson", "pearson", "loss").entrySet()) {
            Summary summary = Summary.of(results, beside.getKey(), List.of(0L), none);
            assertEquals(beside.getValue(), summary.otherMetric(), beside.getKey());
        }
    }

    /** Whatever is written is looked for beforehand. */
    @Test
    void noFileOfASummaryIsWrittenOverOneOfOthers(@TempDir Path written, @TempDir Path other) throws IOException {
        steps = 3;
        for (int rank : new int[] {1, 4}) {
            for (double rate : new double[] {1e-4, 1e-3}) {
                run("lora", rank, rate, 0, 0.8 + rank * rate, 0.7);
            }
        }
        SummaryFiles.write(written, summary(0L), complaint -> {});
        List<String> names;
        try (Stream<Path> files = Files.list(written)) {
            names = files.map(file -> file.getFileName().toString()).sorted().toList();
        }
        assertEquals(9, names.size(), names.toString());
        SummaryFiles.requireNoOthers(other, null);
        for (String name : names) {
            Path mine = Files.writeString(other.resolve(name), "mine");
            String refused =
                    String.valueOf(assertThrows(ConfigException.class, () -> SummaryFiles.requireNoOthers(other, null))
                            .getMessage());
            assertTrue(refused.contains(" holds no comparison, but " + name + ", which one would write over"), refused);
            Files.delete(mine);
        }
    }

    @Test
    void picturesHideNoFailedSeed() {
        for (long seed = 0; seed < 2; seed++) {
            run("lora", 4, 1e-4, seed, 0.8, 0.8);
            run("lora", 4, 1e-3, seed, 0.7, 0.7);
        }
        run("lora", 4, 1e-2, 0, 0.9, 0.9);
        failed("lora", 4, 1e-2, 1);
        failed("lora", 4, 1e-4, 2);
        Summary summary = summary(0L, 1L);
        Standing lora = summary.standings().get(0);
        assertEquals(1e-4, lora.rate());
        SummaryCharts charts = new SummaryCharts(summary);
        assertEquals(List.of(1e-4, 1e-3), charts.overRates(lora.entry()).x());
        assertEquals("LoRA (1 of 3 failed)", SummaryCharts.label(lora));
        assertFalse(SummaryTable.text(summary).contains("– ±"), SummaryTable.text(summary));
    }
}
