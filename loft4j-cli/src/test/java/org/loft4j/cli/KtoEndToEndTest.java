package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.nn.KtoLoss;

/** Answers that are judged one by one, from the call that learns them to the one that judges by them. */
class KtoEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private Path model;
    private Path rows;
    private Path held;

    @BeforeEach
    void write() throws IOException {
        model = Fixtures.copy("stories260K", folder.resolve("model"));
        rows = judged("rows.jsonl", 0, 12);
        held = judged("held.jsonl", 12, 18);
    }

    private Path file(String name, int from, int to, String row) throws IOException {
        String text = IntStream.range(from, to)
                .mapToObj(i -> row.replace('\'', '"').replace("$", String.valueOf(i)) + "\n")
                .collect(Collectors.joining());
        return Files.writeString(folder.resolve(name), text);
    }

    /** Two of three are good. */
    private Path judged(String name, int from, int to) throws IOException {
        Path file = file(name, from, to, "{'prompt': 'Once upon $', 'completion': ' a day $', 'label': true}");
        List<String> lines = new ArrayList<>(Files.readAllLines(file));
        for (int i = 0; i < lines.size(); i += 3) {
            lines.set(i, lines.get(i).replace("true", "false").replace(" a day", " no"));
        }
        return Files.write(file, lines);
    }

    private static Captured loft(Object... args) {
        return Captured.loft(Arrays.stream(args).map(Object::toString).toArray(String[]::new));
    }

    private Captured train(Path output, Path data, Path heldOut, Object... more) {
        List<Object> call = new ArrayList<>(List.of("train", "--model", model, "--data", data, "--eval-data", heldOut));
        call.addAll(List.of("--output", output, "--max-steps", "6", "--batch-size", "4", "--method", "lora"));
        call.addAll(List.of(more));
        return loft(call.toArray());
    }

    private static Captured done(Captured call) {
        assertEquals(0, call.status(), call.err());
        return call;
    }

    private static void assertRefused(String message, Captured call) {
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains(message), call.err());
    }

    /** What the training told last of its held-out rows is what eval tells. */
    private static void assertSame(Path run, Captured judged) throws IOException {
        JsonNode told = JSON.createObjectNode();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            told = JSON.readTree(line).has("eval_margin") ? JSON.readTree(line) : told;
        }
        JsonNode scores = JSON.readTree(done(judged).out());
        for (String score : List.of("loss", "accuracy", "margin", "reward_chosen", "reward_rejected", "kl")) {
            double expected = told.get("eval_" + score).asDouble();
            assertEquals(expected, scores.get(score).asDouble(), 1e-4 * Math.max(1, Math.abs(expected)), score);
        }
    }

    @Test
    void rowsWithALabelAreLearntAndJudgedByKto() throws IOException {
        Path run = folder.resolve("run");
        Captured trained = done(train(run, rows, held, "--preference-beta", "0.3"));
        String told = trained.err();
        assertTrue(
                told.contains("loft: 12 rows of \"prompt\" and \"completion\" and \"label\" (--format judged)"), told);
        assertTrue(
                told.contains(
                        "loft: 8 good and 4 bad answers weigh as 2.00 to 1 together, and KTO's authors advise 1 to 1.33:"
                                + " --undesirable-weight 1.50 to 2.00 brings that about"),
                told);
        String by = "loft: rows of \"prompt\", \"completion\" and \"label\" are ";
        String out = " by KTO; --format prompt takes all completions and reads no label";
        assertTrue(told.contains(by + "learnt" + out), told);
        assertTrue(told.contains("a twentieth of the usual learning rate, 5e-5"), told);
        assertTrue(Files.exists(run.resolve("reference.json")));
        assertTrue(Files.readString(run.resolve(TrainCommand.SETTINGS)).contains("loss_type: kto\n"));
        Captured judged = loft("eval", "--model", model, "--adapter", run, "--data", held, "--json");
        assertSame(run, judged);
        assertEquals(0.3, JSON.readTree(judged.out()).get("beta").asDouble());
        assertEquals(1, JSON.readTree(judged.out()).get("undesirable_weight").asDouble());
        assertTrue(judged.err().contains("by Kahneman-Tversky optimization, β = 0.3, λ = 1.0 and 1.0"), judged.err());
        assertTrue(judged.err().contains(by + "judged" + out), judged.err());
        assertRefused(
                "give its training --eval-data; --format prompt takes all completions and reads no label",
                loft("eval", "--model", model, "--data", held));
        Captured named =
                done(loft("eval", "--model", model, "--adapter", run, "--data", held, "--format", "judged", "--json"));
        assertFalse(named.err().contains("--format prompt"), named.err());
        assertRefused(
                "--preference-loss sigmoid compares two answers to a prompt, and the rows hold answers that are judged one by one",
                loft("eval", "--model", model, "--adapter", run, "--data", held, "--preference-loss", "dpo"));
        assertRefused(
                "--preference-loss sigmoid compares two answers to a prompt",
                train(folder.resolve("other"), rows, held, "--preference-loss", "sigmoid"));
        Captured balanced = done(train(folder.resolve("even"), rows, held, "--undesirable-weight", "1.5", "--dry-run"));
        assertFalse(balanced.err().contains("weigh as"), balanced.err());
    }

    @Test
    void pairsBecomeTwoAnswersEach() throws IOException {
        Path run = folder.resolve("run");
        String pair = "{'prompt': 'Once upon $', 'chosen': ' a day $', 'rejected': ' no'}";
        Path pairs = file("pairs.jsonl", 0, 8, pair);
        Path other = file("other.jsonl", 8, 12, pair);
        Captured trained = done(train(run, pairs, other, "--preference-loss", "kto", "--desirable-weight", "1.2"));
        assertTrue(
                trained.err()
                        .contains(
                                "loft: 8 pairs are learnt as 16 answers, the chosen ones good and the rejected ones bad"),
                trained.err());
        assertFalse(trained.err().contains("weigh as"), trained.err());
        assertSame(run, loft("eval", "--model", model, "--adapter", run, "--data", other, "--json"));
        // held-out rows may be pairs where those to learn from are not
        done(train(folder.resolve("mixed"), rows, other));
        assertRefused(
                "--undesirable-weight is of kto, and the rows are pairs of answers, which are learnt by sigmoid where no loss is"
                        + " named: add --preference-loss kto, or leave it out",
                train(folder.resolve("no"), pairs, other, "--undesirable-weight", "2"));
        assertRefused(
                "desirable_weight is of loss_type kto, and it is simpo: leave it out",
                train(folder.resolve("no"), pairs, other, "--preference-loss", "simpo", "--desirable-weight", "2"));
        assertRefused(
                "sft_weight is of losses of pairs, and loss_type is kto",
                train(folder.resolve("no"), pairs, other, "--preference-loss", "kto", "--sft-weight", "2"));
    }

    @Test
    void whatJudgedAnswersDoNotGoWithIsRefused() throws IOException {
        Path run = folder.resolve("run");
        assertRefused(
                "--streaming and answers that are judged one by one exclude each other",
                train(run, rows, held, "--streaming"));
        assertRefused("--format prompt takes all completions", train(run, rows, held, "--streaming"));
        assertRefused(
                "--packing examples and preferences exclude each other", train(run, rows, held, "--packing=examples"));
        Path good = file("good.jsonl", 0, 4, "{'prompt': 'Once upon $', 'completion': ' a day', 'label': true}");
        assertRefused(
                "all 4 answers of the training data are good, and which are good is learnt from both",
                train(run, good, held));
        assertEquals(
                1,
                train(run, file("no.jsonl", 0, 2, "{'prompt': 'a', 'completion': 'b', 'label': 'x'}"), held)
                        .status());
        done(train(run, rows, held, "--format", "prompt", "--dry-run"));
        Path pairs = file("pairs.jsonl", 0, 4, "{'prompt': 'Once upon $', 'chosen': ' a', 'rejected': ' b'}");
        Captured mixed = train(run, pairs, held);
        assertTrue(
                mixed.err().contains("holds an answer that is judged, and the rows to learn from hold none"),
                mixed.err());
    }

    @Test
    void rowsAreShownAndCheckedAndATrialTellsTheLookBefore() throws IOException {
        Captured shown = done(loft("inspect", "--model", model, "--data", rows, "--rows", "2", "--json"));
        JsonNode all = JSON.readTree(shown.out()).get("rows");
        assertEquals(1, all.get(0).get("examples").size());
        assertEquals("bad", all.get(0).get("examples").get(0).get("answer").asText());
        assertEquals("good", all.get(1).get("examples").get(0).get("answer").asText());
        Captured checked = done(loft("data", "check", "--model", model, "--data", rows));
        assertTrue(checked.out().contains("nothing here stops a training"), checked.out());
        JsonNode tried = JSON.readTree(done(train(folder.resolve("run"), rows, held, "--dry-run", "--json"))
                .out());
        assertTrue(tried.get("reference_seconds").asDouble() > 0);
    }

    @Test
    void aComparisonLearnsThem() throws IOException {
        Path output = folder.resolve("compared");
        Object[] call = {
            "compare",
            "--model",
            model,
            "--data",
            rows,
            "--eval-data",
            held,
            "--test-data",
            held,
            "--output",
            output,
            "--methods",
            "lora",
            "--ranks",
            "4",
            "--max-steps",
            "6",
            "--batch-size",
            "4",
            "--json"
        };
        JsonNode standings = JSON.readTree(done(loft(call)).out()).get("standings");
        assertTrue(standings.get(0).get("test_loss").isNumber(), standings.toString());
        JsonNode test = JSON.readTree(Files.readString(
                        output.resolve("runs").resolve("lora-4-5e-5-s0").resolve("result.json")))
                .get("test");
        assertTrue(test.get("kl").isNumber(), test.toString());
    }

    @Test
    void theBalanceIsThatOfTheAuthors() {
        KtoLoss even = new KtoLoss(0.1, 1, 1);
        assertEquals("", PreferenceLossFlags.balance(10, 10, even));
        assertEquals("", PreferenceLossFlags.balance(4, 3, even));
        assertEquals("", PreferenceLossFlags.balance(10, 0, even));
        assertEquals("", PreferenceLossFlags.balance(10, 90, new KtoLoss(0.1, 9, 1)));
        assertTrue(PreferenceLossFlags.balance(10, 90, even)
                .endsWith("--desirable-weight 9.00 to 12.0 brings that about"));
        assertTrue(PreferenceLossFlags.balance(90, 10, new KtoLoss(0.1, 2, 1))
                .endsWith("--undesirable-weight 13.5 to 18.0 brings that about"));
    }

    /** A check of the data finds what a training of them refuses. */
    @Test
    void answersOfWhichAllAreGoodAreFoundByACheck() throws IOException {
        Path good = file("good.jsonl", 0, 4, "{'prompt': 'Once upon $', 'completion': ' a day $', 'label': true}");
        Captured one = loft("data", "check", good, "--model", model, "--eval-data", held);
        assertEquals(1, one.status(), one.out() + one.err());
        assertTrue(one.out().contains("all 4 answers of the training data are good"), one.out());
        Captured other = loft("data", "check", rows, "--model", model, "--eval-data", good);
        assertEquals(1, other.status(), other.out() + other.err());
        assertTrue(other.out().contains("all 4 answers of the evaluation data are good"), other.out());
        done(loft("data", "check", rows, "--model", model, "--eval-data", held));
    }
}
