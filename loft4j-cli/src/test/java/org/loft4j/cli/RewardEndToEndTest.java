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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Answers that rewards judge, from the command line. */
class RewardEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private RewardCalls calls;

    @BeforeEach
    void write() throws IOException {
        calls = RewardCalls.in(folder);
    }

    @Test
    void severalRewardsAreToldAndARunGoesOnByItsOwnSettings() throws IOException {
        Path run = folder.resolve("run");
        Captured trained = calls.train(
                run,
                "--eval-data",
                calls.rows(),
                "--reward",
                "exact",
                "--reward",
                "regex:[aeiou]",
                "--reward",
                RewardCalls.program("well"),
                "--reward-weights",
                "5,1,0.5",
                "--kl-beta",
                "0.01",
                "--logging-steps",
                "1",
                "--log-completions");
        assertEquals(0, trained.status(), trained.err());
        assertTrue(trained.err().contains("8 rows of \"question\" (--format reward) in"), trained.err());
        assertTrue(trained.err().contains("rewards are learnt at a twentieth of the usual"), trained.err());
        assertTrue(trained.err().contains("reward "), trained.err());
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            lines.add(JSON.readTree(line));
        }
        assertEquals(5, lines.size());
        assertTrue(
                trained.err().contains("; what it answers is in " + run.resolve("completions.jsonl")), trained.err());
        List<String> answers = Files.readAllLines(run.resolve("completions.jsonl"));
        // four steps of two prompts with four answers, and an evaluation of eight prompts
        assertEquals(4 * 8 + 8, answers.size());
        for (String line : answers) {
            JsonNode answer = JSON.readTree(line);
            assertEquals(
                    5 * answer.get("reward_exact").asDouble()
                            + answer.get("reward_regex").asDouble()
                            + 0.5 * answer.get("reward_command").asDouble(),
                    answer.get("reward").asDouble(),
                    1e-12);
        }
        for (JsonNode line : lines) {
            String before = line.has("eval_loss") ? "eval_" : "";
            double exact = line.get(before + "reward_exact").asDouble();
            double regex = line.get(before + "reward_regex").asDouble();
            double command = line.get(before + "reward_command").asDouble();
            assertEquals(
                    5 * exact + regex + 0.5 * command,
                    line.get(before + "reward").asDouble(),
                    1e-12);
            assertTrue(regex > 0.5, line::toString);
            assertTrue(line.get(before + "completion_length").asDouble() <= 8, line::toString);
            assertTrue(line.has(before + "clipped_ratio"), line::toString);
        }
        assertEquals(0, lines.get(0).get("kl").asDouble(), 1e-9);
        assertTrue(lines.get(0).has("frac_reward_zero_std"));
        String card = Files.readString(run.resolve("README.md"));
        assertTrue(
                card.contains("`exact × 5.0, regex:[aeiou] × 1.0, " + RewardCalls.program("well")
                        + " × 0.5` (GRPO (dapo), 4 answers a prompt, β = 0.01)"),
                card);

        Captured again =
                Captured.loft("train", "--config", run.resolve("config.yaml").toString(), "--resume");
        assertEquals(0, again.status(), again.err());
        assertTrue(again.out().contains("finished"), again.out());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "dies | has ended with status 3; it has said last: the judge is out to lunch",
                "junk | has written seven, which is no number",
                "hangs | has not judged an answer within 1 s: --reward-timeout gives it longer",
                "twice | has written 1 before it was asked",
                "nan | reward command gave NaN for an answer to this prompt"
            })
    void aProgramThatFailsEndsTheRunWithTheStepsBefore(String how, String told) throws IOException {
        Path run = folder.resolve("run");
        Captured failed = calls.train(
                run, "--reward", RewardCalls.program(how), "--reward-timeout", how.equals("hangs") ? "1" : "30");
        assertEquals(1, failed.status(), failed.err());
        assertTrue(failed.err().contains("rows.csv, line "), failed.err());
        assertTrue(failed.err().contains(told), failed.err());
        // two steps of eight answers were judged well; a line too many may come to light at the step after only
        boolean late = how.equals("twice") && Files.isDirectory(run.resolve("checkpoint-3"));
        assertTrue(late || Files.isDirectory(run.resolve("checkpoint-2")), failed.err());
        assertTrue(
                ProcessHandle.current()
                        .descendants()
                        .noneMatch(child -> child.info()
                                .arguments()
                                .map(words -> Arrays.asList(words).contains(RewardProgram.class.getName()))
                                .orElse(false)),
                "a program has outlived its run");
    }

    /** What is judged by is part of the run; a finished one starts no program. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void aRunGoesOnWithItsOwnRewards() throws IOException {
        Path run = folder.resolve("run");
        Path started = folder.resolve("started");
        String judge = "command:sh -c \"echo now >> '" + started + "'; while read line; do echo 1; done\"";
        Captured trained = calls.train(run, "--reward", judge);
        assertEquals(0, trained.status(), trained.err());
        assertEquals(List.of("now"), Files.readAllLines(started));
        Captured again = calls.train(run, "--reward", judge, "--resume");
        assertEquals(0, again.status(), again.err());
        assertEquals(List.of("now"), Files.readAllLines(started));
        Captured other = calls.train(run, "--reward", judge.replace("echo 1", "echo 2"), "--resume");
        RewardCalls.assertRefused("rewards was " + judge + " × 1.0 and is now command:sh", other);
    }

    /** A file of settings serves generate too, whose temperature is none of a training without rewards; one with rewards has its own. */
    @Test
    void answersAreDrawnAsTheCallSays() throws IOException {
        Path run = folder.resolve("run");
        Captured drawn = calls.train(run, "--reward", "regex:[aeiou]", "--temperature", "0.7", "--top-p", "0.9");
        assertEquals(0, drawn.status(), drawn.err());
        String card = Files.readString(run.resolve("README.md"));
        assertTrue(card.contains("β = 0.0, temperature 0.7, top_p 0.9)"), card);
        RewardCalls.assertRefused(
                "temperature was 0.7 and is now 1.0; top_p was 0.9 and is now 1.0",
                calls.train(run, "--reward", "regex:[aeiou]", "--resume"));
        Captured again =
                Captured.loft("train", "--config", run.resolve("config.yaml").toString(), "--resume");
        assertEquals(0, again.status(), again.err());
        Path file = Files.writeString(folder.resolve("settings.yaml"), "temperature: 0\ntop_p: 0.9\n");
        Path texts = Files.writeString(folder.resolve("texts.txt"), "Lily had a ball.\n");
        Captured plain = Captured.loft(
                "train",
                "--config",
                file.toString(),
                "--model",
                calls.model().toString(),
                "--data",
                texts.toString(),
                "--method",
                "lora",
                "--output",
                folder.resolve("plain").toString());
        assertEquals(0, plain.status(), plain.err());
        Captured cold = calls.train(run, "--config", file, "--reward", "exact");
        RewardCalls.assertRefused("temperature must be above 0 where a model learns by its own answers", cold);
        RewardCalls.assertRefused("temperature 0 is that of the file of settings (--config)", cold);
    }

    @Test
    void aDryRunAnswersAndWritesNothing() throws IOException {
        Path run = folder.resolve("run");
        Captured tried = calls.train(run, "--eval-share", "0.3", "--reward", "regex:[aeiou]", "--dry-run", "--json");
        assertEquals(0, tried.status(), tried.err());
        JsonNode tree = JSON.readTree(tried.out());
        assertTrue(tree.get("seconds").asDouble() > 0);
        // four answers of eight tokens behind each prompt
        assertTrue(tree.get("tokens_per_epoch").asLong() > tree.get("rows").asLong() * 4 * 8, tried.out());
        assertFalse(Files.exists(run));
    }

    @Test
    void whatRewardsHaveNoUseForIsRefused() throws IOException {
        Path run = folder.resolve("run");
        RewardCalls.assertRefused(
                "--reward and --streaming exclude each other", calls.train(run, "--reward", "exact", "--streaming"));
        RewardCalls.assertRefused(
                "--reward and --packing exclude each other", calls.train(run, "--reward", "exact", "--packing"));
        RewardCalls.assertRefused(
                "--format is preference", calls.train(run, "--reward", "exact", "--format", "preference"));
        RewardCalls.assertRefused("--format reward has prompts alone", calls.train(run, "--format", "reward"));
        RewardCalls.assertRefused(
                "exact:COLUMN, regex:PATTERN or command:PROGRAM", calls.train(run, "--reward", "good"));
        RewardCalls.assertRefused("--reward regex:(: Unclosed group", calls.train(run, "--reward", "regex:("));
        RewardCalls.assertRefused(
                "reward_weights must be as many as there are rewards, 1, got 2",
                calls.train(run, "--reward", "exact", "--reward-weights", "1,2"));
        RewardCalls.assertRefused(
                "reward_timeout must be at least 1", calls.train(run, "--reward", "exact", "--reward-timeout", "0"));
        RewardCalls.assertRefused(
                "leaves no place for a prompt within max_length, 8",
                calls.train(run, "--reward", "exact", "--max-length", "8"));
        RewardCalls.assertRefused(
                "command:no-such-program-here: cannot be started: there is no program no-such-program-here on the PATH",
                calls.train(run, "--reward", "command:no-such-program-here"));
        RewardCalls.assertRefused(
                "command:judge --path='a b: the quote ' is not closed",
                calls.train(run, "--reward", "command:judge --path='a b"));
        RewardCalls.assertRefused(
                "reward_timeout is of programs and patterns",
                calls.train(run, "--reward", "exact", "--reward-timeout", "5"));
        RewardCalls.assertRefused(
                "log_completions writes down answers that rewards judge", calls.train(run, "--log-completions"));
        RewardCalls.assertRefused(
                "temperature must be above 0 where a model learns by its own answers",
                calls.train(run, "--reward", "exact", "--temperature", "0"));
        RewardCalls.assertRefused(
                "top_p must be above 0 and at most 1, got 2.0", calls.train(run, "--reward", "exact", "--top-p", "2"));
        RewardCalls.assertRefused(
                "--temperature, --min-p say how answers are drawn that rewards judge, and there is none",
                calls.train(run, "--temperature", "0.7", "--min-p", "0.1"));
        RewardCalls.assertRefused("--grpo-loss", calls.train(run, "--reward", "exact", "--grpo-loss", "ppo"));
        RewardCalls.assertRefused(
                "--reward is for causal-lm, and the model is for sequence-classification",
                calls.train(run, "--reward", "exact", "--task", "sequence-classification"));
        Captured lacks = calls.train(run, "--reward", "exact:truth");
        assertEquals(1, lacks.status(), lacks.err());
        assertTrue(lacks.err().contains("rows.csv, line 2: has no \"truth\" for --reward exact:truth"), lacks.err());
        Path listed = Files.writeString(
                folder.resolve("listed.jsonl"), "{\"prompt\": \"Lily\", \"answer\": [\"a\", \"b\"]}\n");
        Captured list = Captured.loft(
                "train",
                "--model",
                calls.model().toString(),
                "--data",
                listed.toString(),
                "--output",
                run.toString(),
                "--reward",
                "exact",
                "--max-completion-length",
                "8");
        assertEquals(1, list.status(), list.err());
        assertTrue(list.err().contains("listed.jsonl, line 1: has a list in \"answer\""), list.err());
        assertFalse(Files.exists(run));
    }

    /** Prompts have what answers leave of the length, as in a training. */
    @Test
    void promptsAreCheckedBesideTheirAnswers() {
        Captured fits = check("--format", "reward", "--max-length", "20", "--max-completion-length", "8");
        assertEquals(0, fits.status(), fits.out() + fits.err());
        Captured longer = check("--format", "reward", "--max-length", "20", "--max-completion-length", "15");
        assertEquals(1, longer.status(), longer.err());
        assertTrue(
                longer.out().contains("rows.csv, line 2: the prompt has ")
                        && longer.out().contains(" tokens, and beside an answer there is room for 5: raise max_length"),
                longer.out());
        RewardCalls.assertRefused(
                "max_completion_length is 256, which leaves no place for a prompt",
                check("--format", "reward", "--max-length", "20"));
        RewardCalls.assertRefused(
                "--max-completion-length is that of answers to be rewarded: add --format reward, or leave it out",
                check("--max-completion-length", "8"));
        RewardCalls.assertRefused(
                "max_completion_length must be at least 1, got 0",
                check("--format", "reward", "--max-completion-length", "0"));
    }

    private Captured check(String... more) {
        List<String> call =
                new ArrayList<>(List.of("data", "check", calls.rows().toString()));
        call.addAll(List.of("--model", calls.model().toString(), "--prompt-column", "question"));
        call.addAll(List.of(more));
        return Captured.loft(call.toArray(String[]::new));
    }
}
