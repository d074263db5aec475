package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.cli.report.Curve;
import org.loft4j.cli.report.Figure;
import org.loft4j.io.Json;

/** Which rate is the best, and what its figures are, where runs are few, are of folds or differ in one thing alone. */
class SummaryFiguresTest {
    private final List<TrialResult> results = new ArrayList<>();
    private Map<String, Object> settings = Map.of();
    private TrialResult.Cost cost = new TrialResult.Cost(10, 12, 1000, 1, 1, 0);
    private @Nullable String failure;
    private int rank = 4;

    private void run(String contender, double rate, long seed, int fold, double accuracy, double loss) {
        Contender named = Contender.parse(contender);
        results.add(new TrialResult(
                new Trial(named, named.method().usesAdapter() ? rank : 0, rate, seed, fold),
                failure,
                settings,
                Map.of("accuracy", accuracy, "loss", loss),
                Map.of("accuracy", accuracy, "loss", loss),
                false,
                0L,
                cost,
                new Curve(),
                new Curve(),
                List.of(),
                Map.of()));
    }

    private Summary summary(String metric, Long... sweep) {
        List<Contender> contenders =
                results.stream().map(result -> result.trial().contender()).toList();
        return Summary.of(results, metric, List.of(sweep), Baseline.of(contenders, Baseline.DEFAULT));
    }

    private Standing standing(String contender, String metric, Long... sweep) {
        return summary(metric, sweep).standings().stream()
                .filter(row -> row.entry().contender().name().equals(contender))
                .findFirst()
                .orElseThrow();
    }

    /** As many rows right, and surer of them. */
    @Test
    void ofEqualScoresTheLowerLossWinsAndNotTheSmallerRate() {
        run("lora", 1e-4, 0, 0, 0.9, 0.5);
        run("lora", 1e-3, 0, 0, 0.9, 0.3);
        run("lora", 1e-2, 0, 0, 0.9, 0.4);
        assertEquals(1e-3, standing("lora", "accuracy", 0L).rate());
    }

    @Test
    void whereNoRunHasASeedOfTheSweepAllRunsChoose() {
        run("lora", 1e-4, 7, 0, 0.6, 0.5);
        run("lora", 1e-3, 7, 0, 0.9, 0.5);
        Standing lora = standing("lora", "accuracy", 0L);
        assertEquals(1e-3, lora.rate());
        assertEquals(2, lora.ratesTried());
    }

    /** The one run of the other rate had an easier seed. */
    @Test
    void withoutACommonSeedTheRatesOfMostSeedsAreCompared() {
        run("lora", 1e-4, 0, 0, 0.6, 0.5);
        run("lora", 1e-4, 1, 0, 0.7, 0.5);
        run("lora", 1e-3, 2, 0, 0.99, 0.1);
        Standing lora = standing("lora", "accuracy", 0L, 1L, 2L);
        assertEquals(1e-4, lora.rate());
        assertEquals(BestRate.Edge.LOWEST, lora.edge());
        assertTrue(lora.unevenly());
    }

    @Test
    void theLargestMemoryOfTheRunsCounts() {
        cost = new TrialResult.Cost(10, 12, 1000, 5_000_000, 8, 0);
        run("lora", 1e-3, 0, 0, 0.9, 0.3);
        cost = new TrialResult.Cost(20, 22, 3000, 9_000_000, 8, 0);
        run("lora", 1e-3, 1, 0, 0.9, 0.3);
        Standing lora = standing("lora", "accuracy", 0L, 1L, 2L);
        assertEquals(15, lora.seconds().mean());
        assertEquals(2000, lora.tokensPerSecond());
        assertEquals(9_000_000, lora.peakBytes());
    }

    /** 10 and 20 seconds: their standard deviation is √50. */
    @Test
    void secondsHaveTheirSpreadAndThoseOfAResumedRunAreNamed() throws IOException {
        run("lora", 1e-3, 0, 0, 0.9, 0.3);
        String one = SummaryTable.text(summary("accuracy", 0L));
        assertTrue(one.contains(" 10.0 "), one);
        assertFalse(one.contains("±  "), one);
        assertFalse(one.contains("interrupted"), one);
        cost = new TrialResult.Cost(20, 22, 500, 1, 1, 7);
        run("lora", 1e-3, 1, 0, 0.9, 0.3);
        Summary both = summary("accuracy", 0L);
        String text = SummaryTable.text(both);
        assertTrue(text.contains(" 15.0 ± 7.1 "), text);
        assertTrue(text.contains("1 of 2 runs was interrupted and went on: what seconds"), text);
        String json = Json.text(SummaryFiles.tree(both));
        assertTrue(json.contains("\"seconds_sd\":7.0710"), json);
        assertTrue(json.contains("\"resumed_from\":7"), json);
    }

    @Test
    void anIntervalIsPromisedOnlyWhereThereIsOne() {
        run("full", 1e-4, 0, 0, 0.8, 0.5);
        run("lora", 1e-3, 0, 0, 0.9, 0.3);
        assertTrue(SummaryTable.headings(summary("accuracy", 0L)).contains("to full fine-tuning"));
        String one = SummaryTable.text(summary("accuracy", 0L));
        assertTrue(one.contains("with one of them there is no confidence interval"), one);
        run("full", 1e-4, 1, 0, 0.8, 0.5);
        run("lora", 1e-3, 1, 0, 0.85, 0.3);
        assertTrue(SummaryTable.headings(summary("accuracy", 0L)).contains("to full fine-tuning, 95 % CI"));
        String two = SummaryTable.text(summary("accuracy", 0L));
        assertTrue(two.contains("and its 95 % confidence interval by Student's t"), two);
    }

    /** With an interval without width two seeds would say that they know. */
    @Test
    void equalDifferencesHaveNoInterval() {
        String equal = "A row whose differences are all equal has no interval";
        double[] full = {0.912, 0.914};
        double[] lora = {0.910, 0.912};
        double[] dora = {0.910, 0.911};
        for (int seed = 0; seed < 2; seed++) {
            run("full", 1e-4, seed, 0, full[seed], 0.5);
            run("lora", 1e-3, seed, 0, lora[seed], 0.5);
        }
        String alone = SummaryTable.text(summary("accuracy", 0L));
        assertTrue(alone.contains(" -0.20"), alone);
        assertFalse(alone.contains(" -0.20 ["), alone);
        assertFalse(alone.contains("95 % CI"), alone);
        assertTrue(alone.contains("runs with the same seed. " + equal), alone);
        for (int seed = 0; seed < 2; seed++) {
            run("dora", 1e-3, seed, 0, dora[seed], 0.5);
        }
        String both = SummaryTable.text(summary("accuracy", 0L));
        assertTrue(both.contains("95 % CI"), both);
        assertTrue(both.contains("-0.25 ["), both);
        assertFalse(both.contains(" -0.20 ["), both);
        assertTrue(both.contains(equal), both);
    }

    /** A correlation of answers that are all the same. */
    @Test
    void aScoreThatIsNoNumberIsToldOfAndIsNoFailure() {
        run("lora", 1e-3, 0, 0, 0.9, 0.3);
        run("lora", 1e-3, 1, 0, Double.NaN, 0.3);
        Standing lora = standing("lora", "accuracy", 0L);
        assertEquals(1, lora.undefined());
        assertEquals(0, lora.failed());
        String text = SummaryTable.text(summary("accuracy", 0L));
        assertTrue(text.contains("no accuracy (1 of 2)"), text);
        assertTrue(text.contains("no accuracy: it is no number"), text);
        failure = "the loss is not finite";
        run("lora", 1e-3, 2, 0, Double.NaN, Double.NaN);
        Standing failed = standing("lora", "accuracy", 0L);
        assertEquals(1, failed.undefined());
        assertEquals(1, failed.failed());
    }

    @Test
    void whatCountsRowsIsInPercent() {
        assertEquals("81.25", Metric.text("f1", 0.8125));
        assertEquals("recall_at_10 %", Metric.heading("recall_at_10"));
        assertEquals("0.8125", Metric.text("roc_auc", 0.8125));
        assertEquals("pearson", Metric.heading("pearson"));
    }

    private void threeFolds(String test) {
        double[] full = {0.90, 0.80, 0.85};
        double[] lora = {0.89, 0.78, 0.79};
        for (int fold = 1; fold <= 3; fold++) {
            settings = new HashMap<>(Map.of("folds", 3, "train_data", "others " + fold, "eval_data", "fold " + fold));
            settings.put("test_data", test.isEmpty() ? "fold " + fold : test);
            run("full", 1e-4, 0, fold, full[fold - 1], 0.5);
            run("lora", 1e-3, 0, fold, lora[fold - 1], 0.5);
        }
    }

    /** Differences −0.01, −0.02, −0.06: s = √0.0007; of three folds a half is held out as against what is learnt. */
    @Test
    void theIntervalOverFoldsIsWiderByTheRowsThatTheirRunsShare() {
        threeFolds("");
        Sample toFull = standing("lora", "accuracy", 0L).toBaseline();
        assertNotNull(toFull);
        assertEquals(-0.03, toFull.mean(), 1e-12);
        assertEquals(4.302653 * Math.sqrt(0.0007 * (1.0 / 3 + 1.0 / 2)), toFull.halfWidth(), 1e-6);
    }

    @Test
    void theIntervalOfRunsThatTheSameTestJudgesIsNotCorrected() {
        threeFolds("rows of their own");
        Sample toFull = standing("lora", "accuracy", 0L).toBaseline();
        assertNotNull(toFull);
        assertEquals(4.302653 * Math.sqrt(0.0007 / 3), toFull.halfWidth(), 1e-6);
    }

    /** Over 0.89, 0.78, 0.79: deviation 6.08 %, standard error 3.51 %. */
    @Test
    void theTableHasTheStandardErrorOverFoldsAndTheDeviationOverSeeds() {
        threeFolds("");
        String folds = SummaryTable.text(summary("accuracy", 0L));
        assertTrue(folds.contains("82.00 ± 3.51"), folds);
        results.clear();
        settings = Map.of();
        run("lora", 1e-3, 0, 0, 0.89, 0.5);
        run("lora", 1e-3, 1, 0, 0.78, 0.5);
        run("lora", 1e-3, 2, 0, 0.79, 0.5);
        String seeds = SummaryTable.text(summary("accuracy", 0L));
        assertTrue(seeds.contains("82.00 ± 6.08"), seeds);
    }

    @Test
    void theRatesOfARankAreDrawnFromItsOwnRuns() {
        run("lora", 1e-4, 0, 0, 0.6, 0.5);
        run("lora", 1e-3, 0, 0, 0.7, 0.5);
        rank = 8;
        run("lora", 1e-4, 0, 0, 0.9, 0.5);
        Summary summary = summary("accuracy", 0L);
        SummaryCharts charts = new SummaryCharts(summary);
        assertEquals(
                List.of(0.6, 0.7),
                charts.overRates(summary.standings().get(0).entry()).y());
        assertEquals(
                List.of(0.9),
                charts.overRates(summary.standings().get(1).entry()).y());
    }

    /** A message may be of several lines. */
    @Test
    void aFailureOfSeveralLinesIsOneCellOfTheTable(@TempDir Path folder) throws IOException {
        failure = "cannot be learnt\nfor want\nof rows";
        run("lora", 1e-3, 0, 0, 0.9, 0.3);
        SummaryFiles.write(folder, summary("accuracy", 0L), complaint -> {});
        String runs = Files.readString(folder.resolve("runs.csv"));
        assertTrue(runs.endsWith(",\"cannot be learnt\nfor want\nof rows\"\n"), runs);
    }

    /** A title may have a comma. */
    @Test
    void theHeadingsOfATableAreAsManyAsItsColumns(@TempDir Path folder) throws IOException {
        run("lora:alpha=64", 1e-3, 0, 0, 0.9, 0.3);
        run("lora:alpha=4", 1e-3, 0, 0, 0.8, 0.3);
        List<Contender> there =
                results.stream().map(result -> result.trial().contender()).toList();
        Summary summary = Summary.of(results, "accuracy", List.of(0L), Baseline.of(there, "LoRA, alpha 64"));
        SummaryFiles.write(folder, summary, complaint -> {});
        String heading = Files.readAllLines(folder.resolve("summary.csv")).get(0);
        assertTrue(heading.contains(",\"to_LoRA, alpha 64\",\"to_LoRA, alpha 64_ci95\","), heading);
    }

    @Test
    void aPictureOfRunsThatAreGoneGoesToo(@TempDir Path folder) throws IOException {
        run("lora", 1e-3, 0, 0, 0.9, 0.3);
        run("lora", 1e-2, 0, 0, 0.8, 0.3);
        SummaryFiles.write(folder, summary("accuracy", 0L), complaint -> {});
        assertTrue(Files.exists(folder.resolve("learning-rates.png")));
        results.remove(1);
        SummaryFiles.write(folder, summary("accuracy", 0L), complaint -> {});
        assertFalse(Files.exists(folder.resolve("learning-rates.png")));
    }

    @Test
    void aRunIsReadAsItWasWritten(@TempDir Path folder) throws IOException {
        Contender lora = Contender.parse("lora");
        Curve loss = new Curve();
        loss.add(1, 0.75);
        TrialResult written = new TrialResult(
                new Trial(lora, 4, 1e-3, 5, 2),
                null,
                Map.of("folds", "3"),
                Map.of("accuracy", 0.5),
                Map.of("accuracy", 0.25),
                true,
                7L,
                new TrialResult.Cost(1.5, 2.5, 3.5, 4, 6, 9),
                loss,
                new Curve(),
                List.of(Map.of("step", 1.0, "accuracy", 0.5)),
                Map.of("processes", "2"));
        written.write(folder.resolve("result.json"));
        TrialResult read = TrialResult.read(folder.resolve("result.json"));
        assertEquals(written.trial(), read.trial());
        assertTrue(read.predictsOneClass());
        assertEquals(7, read.skippedSteps());
        assertEquals(written.settings(), read.settings());
        assertEquals(written.validation(), read.validation());
        assertEquals(written.test(), read.test());
        assertEquals(written.cost(), read.cost());
        assertEquals(written.evaluations(), read.evaluations());
        assertEquals(written.machine(), read.machine());
        assertEquals(List.of(1.0), read.loss().x());
        assertEquals(List.of(0.75), read.loss().y());
    }

    /** Shares are told in percent, a loss as it is: −0.25 by itself, and 10 % more of accuracy. */
    @Test
    void aDifferenceOfLossesIsNotInPercent() {
        run("full", 1e-4, 0, 0, 0.80, 0.75);
        run("lora", 1e-3, 0, 0, 0.90, 0.50);
        String losses = SummaryTable.text(summary("loss", 0L));
        assertTrue(losses.contains(" -0.2500"), losses);
        String shares = SummaryTable.text(summary("accuracy", 0L));
        assertTrue(shares.contains(" +10.00"), shares);
    }

    @Test
    void picturesSayWhatTheirBarsAre() {
        run("lora", 1e-4, 0, 0, 0.8, 0.5);
        run("lora", 1e-3, 0, 0, 0.7, 0.5);
        rank = 8;
        run("lora", 1e-3, 0, 0, 0.7, 0.5);
        rank = 4;
        String bars = "; bars: ± the standard deviation over the seeds";
        assertEquals("test scores over the rank", described(charts(0L).overRanks()));
        run("lora", 1e-4, 1, 0, 0.6, 0.5);
        run("lora", 1e-3, 1, 0, 0.5, 0.5);
        assertEquals("test scores over the rank" + bars, described(charts(0L).overRanks()));
        assertEquals(
                "validation accuracy over the learning rate",
                described(charts(0L).learningRates()));
        assertEquals(
                "validation accuracy over the learning rate" + bars,
                described(charts(0L, 1L).learningRates()));
    }

    private SummaryCharts charts(Long... sweep) {
        return new SummaryCharts(summary("accuracy", sweep));
    }

    private static String described(@Nullable Figure figure) {
        assertNotNull(figure);
        return figure.described();
    }
}
