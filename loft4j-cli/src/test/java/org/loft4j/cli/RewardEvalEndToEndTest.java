package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Models that are judged by their answers to held-out prompts, from the command line. */
class RewardEvalEndToEndTest {
    @TempDir
    Path folder;

    private RewardCalls calls;

    @BeforeEach
    void write() throws IOException {
        calls = RewardCalls.in(folder);
    }

    /** By the rewards of the training, with the likeliest tokens, a model is as good as the evaluation of the run has found it. */
    @Test
    void anAdapterIsJudgedByTheRewardsOfItsTraining() throws IOException {
        Path run = folder.resolve("run");
        Object[] rewards = {"--reward", "exact", "--reward", "regex:[aeiou]", "--reward-weights", "5,0.5"};
        List<Object> call = new ArrayList<>(List.of(rewards));
        call.addAll(List.of("--eval-data", calls.rows(), "--json"));
        JsonNode best = RewardCalls.json(calls.train(run, call.toArray())).get("best_evaluation");

        Captured judged = calls.eval("--adapter", run, "--json");
        JsonNode told = RewardCalls.json(judged);
        assertTrue(
                judged.err()
                        .contains(
                                "judged by exact × 5.0, regex:[aeiou] × 0.5, always with the likeliest token, 8 tokens at"
                                        + " most"),
                judged.err());
        for (String score : List.of(
                "loss", "reward", "reward_std", "reward_exact", "reward_regex", "completion_length", "clipped_ratio")) {
            assertEquals(best.get(score).asDouble(), told.get(score).asDouble(), 1e-12, score);
        }
        assertEquals(
                told.get("reward_std").asDouble() / Math.sqrt(8),
                told.get("reward_stderr").asDouble(),
                1e-12);
        // of zeros and ones
        double share = told.get("reward_regex").asDouble();
        assertEquals(
                Math.sqrt(share * (1 - share) / 7),
                told.get("reward_regex_stderr").asDouble(),
                1e-12);
        assertEquals(8, told.get("rows").asInt());
        assertEquals(8, told.get("max_completion_length").asInt());
        assertEquals("regex:[aeiou]", told.get("rewards").get(1).get("reward").asText());
        assertEquals(0.5, told.get("rewards").get(1).get("weight").asDouble());
        assertTrue(calls.eval("--adapter", run).out().contains("reward_exact_stderr"));

        JsonNode other = RewardCalls.json(calls.eval(
                "--adapter", run, "--json", "--reward", "regex:[b-z]", "--max-completion-length", "3", "--top-k", "1"));
        assertFalse(other.has("reward_regex"), other::toString);
        assertEquals(3, other.get("completion_length").asDouble());
        assertEquals(1, other.get("temperature").asDouble());
        // rows of another kind are judged as ever
        assertTrue(RewardCalls.json(
                        calls.evalOf("--adapter", run, "--json", "--format", "text", "--text-column", "answer"))
                .has("perplexity"));
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void answersAreDrawnForAnEvaluationByItsSeed() throws IOException {
        // how many letters there are says which were drawn
        Path counts = Files.writeString(folder.resolve("counts.sh"), "while read -r line; do echo ${#line}; done\n");
        Object[] call = {
            "--reward", "command:sh '" + counts + "'", "--max-completion-length", 12, "--temperature", 1.5, "--json"
        };
        List<Object> seeded = new ArrayList<>(List.of(call));
        seeded.addAll(List.of("--seed", 1));
        double first = RewardCalls.json(calls.eval(call)).get("reward").asDouble();
        assertEquals(first, RewardCalls.json(calls.eval(call)).get("reward").asDouble());
        assertNotEquals(
                first,
                RewardCalls.json(calls.eval(seeded.toArray())).get("reward").asDouble());
    }

    /** A file beside weights may come from anywhere: it starts no program. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void aProgramIsStartedWhereTheCallNamesItAlone() throws IOException {
        Path run = folder.resolve("run");
        Path started = folder.resolve("started");
        String judge = "command:sh -c \"echo now >> '" + started + "'; : " + "long".repeat(60)
                + "; while read line; do echo 1; done\"";
        Captured trained = calls.train(run, "--reward", judge, "--reward", "exact", "--reward-weights", "1,2");
        assertEquals(0, trained.status(), trained.err());
        Files.delete(started);
        Captured refused = calls.eval("--adapter", run);
        RewardCalls.assertRefused(
                "were judged by a program, which is started where the call itself names it: give --reward", refused);
        assertTrue(refused.err().contains("--reward exact --reward-weights 1.0,2.0"), refused.err());
        assertTrue(refused.err().contains("long; while read line; do echo 1; done"), refused.err());
        assertFalse(Files.exists(started));
        JsonNode told = RewardCalls.json(calls.eval("--adapter", run, "--reward", judge, "--json"));
        assertEquals(1, told.get("reward").asDouble());
        assertEquals(0, told.get("reward_stderr").asDouble());
        assertEquals(List.of("now"), Files.readAllLines(started));

        Path file = run.resolve("loft_task.json");
        Files.writeString(
                file,
                Files.readString(file)
                        .replace("\"exact\"", "\"letter\"")
                        .replaceFirst("\"command:.*?[^\\\\]\"", "\"brief\""));
        RewardCalls.assertRefused(
                "were judged by brief, which is not one that a call names: give a --reward",
                calls.eval("--adapter", run));
    }

    /** It comes with weights from anywhere, and a terminal takes orders. */
    @Test
    void whatALeftFileSaysIsShownWithoutOrdersToATerminal() throws IOException {
        Path run = folder.resolve("run");
        assertEquals(0, calls.train(run, "--reward", "regex:[aeiou]").status());
        Path file = run.resolve("loft_task.json");
        String whole = Files.readString(file);
        Files.writeString(file, whole.replace("[aeiou]", "[ae\\u001b]"));
        Captured judged = calls.eval("--adapter", run);
        assertEquals(0, judged.status(), judged.err());
        assertTrue(judged.err().contains("judged by regex:[ae?] × 1.0, "), judged.err());
        assertFalse(judged.err().contains("\u001b"), judged.err());
        Captured other = calls.evalOf("--adapter", run, "--max-length", "64");
        assertNotEquals(0, other.status());
        assertTrue(
                other.err()
                        .contains(
                                "as in its training; rows of another kind are judged as ever where --format names it"),
                other.err());
        Files.writeString(file, whole.replace("[aeiou]", "(\\u001b"));
        Captured broken = calls.eval("--adapter", run);
        RewardCalls.assertRefused(
                file + ", by whose rewards the model is judged: --reward regex:(?: Unclosed group", broken);
        assertFalse(broken.err().contains("\u001b"), broken.err());
    }

    /** What a call says takes the place of what its file says; what the file says of rewards alone stops nothing else. */
    @Test
    void aFileOfRewardsServesCallsWithOthersAndWithout() throws IOException {
        Path file = Files.writeString(
                folder.resolve("settings.yaml"),
                "reward: [exact, 'command:no-such-program-here']\nreward_weights: [1, 2]\nreward_timeout: 30\n"
                        + "log_completions: true\nnum_generations: 4\nmax_completion_length: 8\n");
        Captured judged = calls.eval("--config", file, "--reward", "exact", "--max-completion-length", "4");
        assertEquals(0, judged.status(), judged.err());
        assertTrue(judged.err().contains("judged by exact × 1.0, "), judged.err());
        RewardCalls.assertRefused("there is no program no-such-program-here on the PATH", calls.eval("--config", file));
        assertTrue(RewardCalls.json(
                        calls.evalOf("--config", file, "--json", "--format", "text", "--text-column", "answer"))
                .has("perplexity"));
        RewardCalls.assertRefused(
                "there is no program no-such-program-here on the PATH", calls.train(folder, "--config", file));
        Captured exact =
                calls.train(folder.resolve("exact"), "--config", file, "--reward", "exact", "--max-steps", "1");
        assertEquals(0, exact.status(), exact.err());
        Captured texts = Captured.loft(
                "train",
                "--config",
                file.toString(),
                "--model",
                calls.model().toString(),
                "--data",
                calls.rows().toString(),
                "--format",
                "text",
                "--text-column",
                "question",
                "--max-steps",
                "1",
                "--output",
                folder.resolve("texts").toString());
        assertEquals(0, texts.status(), texts.err());

        Path classes = Files.writeString(folder.resolve("classes.csv"), "text,label\none,0\ntwo,1\n");
        Path classifier = folder.resolve("classifier");
        Captured learnt = Captured.loft(
                "train",
                "--model",
                TinyModels.encoder(folder.resolve("bert")).toString(),
                "--data",
                classes.toString(),
                "--max-steps",
                "1",
                "--output",
                classifier.toString());
        assertEquals(0, learnt.status(), learnt.err());
        Captured ofClasses = Captured.loft(
                "eval", "--config", file.toString(), "--adapter", classifier.toString(), "--data", classes.toString());
        assertEquals(0, ofClasses.status(), ofClasses.err());
    }

    /** A signal ends Java at once, and this program reads nothing by which it would know. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void aProgramEndsWithAnEvaluationThatASignalEnds() throws Exception {
        Path started = folder.resolve("started");
        Path own = Files.writeString(
                folder.resolve("judge.sh"),
                "echo $$ > '" + started + ".new'\nmv '" + started + ".new' '" + started + "'\nexec sleep 300\n");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Loft.class.getName(),
                        "eval",
                        "--model",
                        calls.model().toString(),
                        "--data",
                        calls.rows().toString(),
                        "--prompt-column",
                        "question",
                        "--max-completion-length",
                        "4",
                        "--reward",
                        "command:sh '" + own + "'")
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("said").toFile())
                .start();
        while (!Files.exists(started)) {
            assertTrue(process.isAlive(), () -> "it ended by itself");
            Thread.sleep(10);
        }
        ProcessHandle program = ProcessHandle.of(
                        Long.parseLong(Files.readString(started).strip()))
                .orElseThrow();
        process.destroy();
        try {
            program.onExit().get(30, TimeUnit.SECONDS);
        } finally {
            program.destroyForcibly();
        }
        assertTrue(process.waitFor(30, TimeUnit.SECONDS));
    }

    @Test
    void whatAnEvaluationHasNoUseForIsRefused() throws IOException {
        RewardCalls.assertRefused(
                "--format reward has prompts alone, whose answers a reward judges", calls.eval("--format", "reward"));
        RewardCalls.assertRefused(
                "--reward judges answers to rows of prompts (--format reward), and --format is text",
                calls.evalOf("--reward", "exact", "--format", "text"));
        RewardCalls.assertRefused(
                "--temperature, --max-completion-length, --seed are of answers that rewards judge, and there is no reward",
                calls.evalOf(
                        "--text-column",
                        "answer",
                        "--format",
                        "text",
                        "--temperature",
                        "1",
                        "--max-completion-length",
                        "4",
                        "--seed",
                        "1"));
        RewardCalls.assertRefused(
                "max_completion_length is 8, which leaves no place for a prompt within max_length, 8",
                calls.eval("--reward", "exact", "--max-completion-length", "8", "--max-length", "8"));
        RewardCalls.assertRefused(
                "--preference-beta is of preferences", calls.eval("--reward", "exact", "--preference-beta", "0.1"));
        RewardCalls.assertRefused(
                "reward_weights are of the rewards that a call names, in their order, and it names none: give --reward too",
                calls.eval("--reward-weights", "1,2"));
        Path classifier = TinyModels.encoder(folder.resolve("bert"));
        Captured ofClasses = Captured.loft(
                "eval", "--model", classifier.toString(), "--data", calls.rows().toString(), "--temperature", "0.5");
        RewardCalls.assertRefused("--temperature is for causal-lm", ofClasses);
        assertFalse(ofClasses.err().contains("--reward"), ofClasses.err());
        RewardCalls.assertRefused(
                "max_completion_length must be at least 1", calls.eval("--max-completion-length", "0"));
        Captured lacks = calls.eval("--reward", "exact:truth", "--max-completion-length", "8");
        assertEquals(1, lacks.status(), lacks.err());
        assertTrue(lacks.err().contains("rows.csv, line 2: has no \"truth\" for --reward exact:truth"), lacks.err());
    }
}
