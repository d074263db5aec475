package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.cli.report.Curve;
import org.loft4j.data.Dataset;
import org.loft4j.train.TrainData;

/** What the rows of a summary are set against, and what they say of how they came about. */
class SummaryRowsTest {
    private final List<TrialResult> results = new ArrayList<>();

    private void run(String contender, int rank, double rate, long seed, double test) {
        run(contender, rank, rate, seed, test, Map.of());
    }

    private void run(String contender, int rank, double rate, long seed, double test, Map<String, Object> machine) {
        Map<String, Double> scores = Map.of("accuracy", test, "loss", 1 - test);
        results.add(new TrialResult(
                new Trial(Contender.parse(contender), rank, rate, seed, 0),
                null,
                Map.of(),
                scores,
                scores,
                false,
                0L,
                new TrialResult.Cost(10, 12, 1000, 7_000_000, 1, 0),
                new Curve(),
                new Curve(),
                List.of(),
                machine));
    }

    private Summary summary(String metric, String baseline) {
        return Summary.of(results, metric, List.of(0L), Baseline.of(there(), baseline));
    }

    private List<Contender> there() {
        return results.stream().map(result -> result.trial().contender()).toList();
    }

    private Standing row(String title, String metric, String baseline) {
        return summary(metric, baseline).standings().stream()
                .filter(row -> row.entry().title().equals(title))
                .findFirst()
                .orElseThrow();
    }

    private double difference(String title, String metric, String baseline) {
        Sample difference = row(title, metric, baseline).toBaseline();
        assertNotNull(difference, title);
        return difference.mean();
    }

    /** One file given as both is read twice; a run is judged by rows once that it was judged by last. */
    @Test
    void validationRowsThatAreTheTestAreKeptOnce() {
        TrainData training = new TrainData(rows(8), rows(4), 0, 16);
        assertSame(training.eval(), new ComparisonData(training, rows(4)).test());
        Dataset other = rows(6);
        assertSame(other, new ComparisonData(training, other).test());
    }

    private static Dataset rows(int count) {
        return Dataset.classificationIds(
                IntStream.range(0, count).mapToObj(i -> new int[] {3, 4 + i}).toList(), new int[count]);
    }

    @Test
    void fullFineTuningIsTheBaselineByWhateverLabel() {
        run("full:beta2=0.95:label=all", 0, 1e-4, 0, 0.9);
        run("lora", 4, 1e-3, 0, 0.8);
        assertEquals(-0.1, difference("LoRA, rank 4", "accuracy", "full"), 1e-12);
        assertTrue(SummaryTable.headings(summary("accuracy", "full")).contains("to all"));
        // the plain one goes before
        run("full", 0, 1e-4, 0, 0.7);
        assertEquals(0.1, difference("LoRA, rank 4", "accuracy", "full"), 1e-12);
        assertEquals(0.2, difference("all", "accuracy", "full"), 1e-12);
    }

    @Test
    void whereNobodyKnowsWhichOneNothingIsPairedAndThatIsSaid() {
        run("full:beta2=0.95", 0, 1e-4, 0, 0.9);
        run("full:beta2=0.9", 0, 1e-4, 0, 0.9);
        run("lora", 4, 1e-3, 0, 0.8);
        assertNull(row("LoRA, rank 4", "accuracy", "full").toBaseline());
        String notes = String.join("\n", SummaryTable.footnotes(summary("accuracy", "full")));
        assertTrue(notes.contains("Nothing is paired: which of full_beta2=0.9, full_beta2=0.95 is"), notes);
        assertEquals(-0.1, difference("LoRA, rank 4", "accuracy", "full_beta2=0.9"), 1e-12);
    }

    /** As a comparison looks before the first run of its baseline has ended. */
    @Test
    void aBaselineOfWhichNoRunHasEndedYetPairsNothing() {
        run("loft", 4, 1e-4, 0, 0.9);
        Summary summary = Summary.of(results, "accuracy", List.of(0L), Baseline.kept(there(), "lora"));
        assertEquals(1, summary.standings().size());
        assertNull(summary.standings().get(0).toBaseline());
        assertEquals("lora", summary.baseline().title());
        assertTrue(
                SummaryTable.footnotes(summary)
                        .contains("Nothing is paired: no run of the baseline lora has ended yet."),
                SummaryTable.text(summary));
        assertEquals("loft", Baseline.kept(there(), "loft").asked());
    }

    /** A rate of which a seed of the search is missing has been tried all the same. */
    @Test
    void whoHasTriedSeveralRatesIsNotSaidToBeUntuned() {
        run("loft", 4, 1e-4, 0, 0.8);
        run("loft", 4, 1e-3, 0, 0.9);
        run("loft", 4, 1e-3, 1, 0.9);
        Summary summary = Summary.of(results, "accuracy", List.of(0L, 1L), Baseline.of(there(), Baseline.DEFAULT));
        assertEquals(2, summary.standings().get(0).ratesTried());
        assertFalse(SummaryTable.text(summary).contains("†"), SummaryTable.text(summary));
        assertTrue(SummaryTable.text(summary).contains("1e-3 ↑"), SummaryTable.text(summary));
        assertNotNull(new SummaryCharts(summary).learningRates());
    }

    @Test
    void anyContenderMayBeTheBaselineAtTheSameRank() {
        run("full", 0, 1e-4, 0, 0.9);
        for (int rank : new int[] {1, 4}) {
            run("lora", rank, 1e-3, 0, 0.80 + rank / 100.0);
            run("loft", rank, 1e-3, 0, 0.83);
        }
        run("loft", 16, 1e-3, 0, 0.83);
        assertEquals(0.02, difference("LoFT, rank 1", "accuracy", "lora"), 1e-12);
        assertEquals(0.01, difference("LoFT, rank 4", "loss", "LoRA"), 1e-12);
        for (String unpaired : new String[] {"LoRA, rank 1", "LoFT, rank 16", "full fine-tuning"}) {
            assertNull(row(unpaired, "accuracy", "lora").toBaseline(), unpaired);
        }
        Summary byLoss = summary("loss", "lora");
        String notes = String.join("\n", SummaryTable.footnotes(byLoss));
        assertTrue(notes.contains("To LoRA at the same rank: mean difference"), notes);
        assertTrue(notes.contains("A negative difference is better."), notes);
        notes = String.join("\n", SummaryTable.footnotes(summary("accuracy", "lora")));
        assertFalse(notes.contains("A negative"), notes);
        String tree = String.valueOf(SummaryFiles.tree(byLoss));
        assertTrue(tree.contains("baseline=lora") && tree.contains("to_lora_pairs=1"), tree);
        ConfigException e = assertThrows(ConfigException.class, () -> summary("loss", "dora"));
        assertEquals("baseline must be one of full, loft, lora, got dora", e.getMessage());
    }

    @Test
    void rowsWithOneRateAreNotCalledTunedAndUnequalSearchesAreTold() {
        run("lora", 4, 1e-3, 0, 0.8);
        String text = SummaryTable.text(summary("accuracy", "full"));
        assertTrue(text.contains("Each learning rate is the only one that was tried;"), text);
        assertFalse(text.contains("†") || text.contains("chosen"), text);
        for (double rate : new double[] {1e-4, 1e-3, 1e-2}) {
            run("loft", 4, rate, 0, 0.8);
        }
        text = SummaryTable.text(summary("accuracy", "full"));
        assertTrue(text.contains("1e-3 †") && text.contains("† the only rate tried: not tuned"), text);
        assertFalse(text.contains("Some rows chose among more"), text);
        run("full", 0, 1e-4, 0, 0.8);
        run("full", 0, 1e-5, 0, 0.8);
        text = SummaryTable.text(summary("accuracy", "full"));
        assertTrue(text.contains("Some rows chose among more learning rates than others, from 2 to 3;"), text);
        assertEquals(3, row("LoFT, rank 4", "accuracy", "full").ratesTried());
        String tree = String.valueOf(SummaryFiles.tree(summary("accuracy", "full")));
        assertTrue(tree.contains("rates_tried=3") && tree.contains("rates_tried=1"), tree);
    }

    @Test
    void aRowThatFailedClaimsNoMemoryAndNoParameters() {
        results.add(new TrialResult(
                new Trial(Contender.parse("lora"), 4, 1, 0, 0),
                "not finite",
                Map.of(),
                Map.of(),
                Map.of(),
                false,
                null,
                new TrialResult.Cost(Double.NaN, 12, Double.NaN, 0, 0, 0),
                new Curve(),
                new Curve(),
                List.of(),
                Map.of()));
        Summary summary = summary("accuracy", "full");
        List<String> row = SummaryTable.row(summary.standings().get(0), summary);
        List<String> headings = SummaryTable.headings(summary);
        assertEquals("–", row.get(headings.indexOf("memory")));
        assertEquals("–", row.get(headings.indexOf("trained")));
        String tree = String.valueOf(SummaryFiles.tree(summary));
        assertEquals(2, tree.split("peak_resident_bytes=null, trainable_parameters=null", -1).length - 1, tree);
    }

    @Test
    void runsOfSeveralProcessesAreToldOf() {
        run("lora", 4, 1e-3, 0, 0.8, Map.of("processes", 1));
        run("lora", 4, 1e-3, 1, 0.8);
        assertFalse(SummaryTable.text(summary("accuracy", "full")).contains("Other processes"));
        run("lora", 4, 1e-3, 2, 0.8, Map.of("processes", "3"));
        String text = SummaryTable.text(summary("accuracy", "full"));
        assertTrue(text.contains("Other processes were at work on the comparison during 1 of 3 runs:"), text);
    }

    @Test
    void runsOfTwoVersionsAreToldOf() {
        run("lora", 4, 1e-3, 0, 0.8, Map.of("commit", "1111111"));
        run("lora", 4, 1e-3, 1, 0.8);
        assertFalse(SummaryTable.text(summary("accuracy", "full")).contains("versions"));
        run("lora", 4, 1e-3, 2, 0.8, Map.of("commit", "2222222"));
        String text = SummaryTable.text(summary("accuracy", "full"));
        assertTrue(text.contains("versions of loft4j that differ (commit 1111111; 2222222):"), text);
    }

    @Test
    void theMarkdownShowsWhatTheTableShows() {
        run("full", 0, 1e-4, 0, 0.9);
        run("lora:alpha=8:label=a|b_*c*", 4, 1e-3, 0, 0.8);
        Summary summary = summary("accuracy", "full");
        List<String> lines = SummaryTable.markdown(summary).lines().toList();
        assertEquals("| " + String.join(" | ", SummaryTable.headings(summary)) + " |", lines.get(0));
        assertEquals("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|", lines.get(1));
        List<String> row = SummaryTable.row(summary.standings().get(1), summary);
        assertEquals("a|b_*c*", row.get(0));
        assertEquals("| a\\|b\\_\\*c\\* | " + String.join(" | ", row.subList(1, row.size())) + " |", lines.get(3));
        assertEquals("", lines.get(4));
        assertTrue(lines.get(5).startsWith("- Mean ± standard deviation"), lines.get(5));
        assertEquals(5 + SummaryTable.footnotes(summary).size(), lines.size());
    }
}
