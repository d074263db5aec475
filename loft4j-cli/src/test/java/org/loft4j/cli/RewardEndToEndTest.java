package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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

    private Path model;
    private Path rows;

    @BeforeEach
    void write() throws IOException {
        model = Fixtures.copy("stories260K", folder.resolve("model"));
        rows = Files.writeString(
                folder.resolve("rows.csv"),
                "question,answer\n"
                        + IntStream.range(0, 8)
                                .mapToObj(i -> "Lily had " + i + " balls.," + i + "\n")
                                .collect(Collectors.joining()));
    }

    private Captured train(Path output, Object... more) {
        List<Object> call = new ArrayList<>(List.of("train", "--model", model, "--data", rows));
        call.addAll(List.of("--prompt-column", "question", "--output", output, "--method", "lora", "--rank", "1"));
        call.addAll(List.of("--num-generations", "4", "--max-completion-length", "8", "--batch-size", "2"));
        call.addAll(List.of(more));
        return Captured.loft(call.stream().map(Object::toString).toArray(String[]::new));
    }

    static String program(String how) {
        return program(how, "out to lunch");
    }

    static String program(String how, String more) {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        Path classes = Path.of("target", "test-classes").toAbsolutePath();
        return "command:'" + java + "' -Xmx64m -cp '" + classes + "' " + RewardProgram.class.getName() + " " + how
                + " '" + more + "'";
    }

    @Test
    void severalRewardsAreToldAndARunGoesOnByItsOwnSettings() throws IOException {
        Path run = folder.resolve("run");
        Captured trained = train(
                run,
                "--eval-data",
                rows,
                "--reward",
                "exact",
                "--reward",
                "regex:[aeiou]",
                "--reward",
                program("well"),
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
                card.contains("`exact × 5.0, regex:[aeiou] × 1.0, " + program("well")
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
        Captured failed = train(run, "--reward", program(how), "--reward-timeout", how.equals("hangs") ? "1" : "30");
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
        Captured trained = train(run, "--reward", judge);
        assertEquals(0, trained.status(), trained.err());
        assertEquals(List.of("now"), Files.readAllLines(started));
        Captured again = train(run, "--reward", judge, "--resume");
        assertEquals(0, again.status(), again.err());
        assertEquals(List.of("now"), Files.readAllLines(started));
        Captured other = train(run, "--reward", judge.replace("echo 1", "echo 2"), "--resume");
        assertRefused("rewards was " + judge + " × 1.0 and is now command:sh", other);
    }

    /** A file of settings serves generate too, whose temperature is none of a training without rewards; one with rewards has its own. */
    @Test
    void answersAreDrawnAsTheCallSays() throws IOException {
        Path run = folder.resolve("run");
        Captured drawn = train(run, "--reward", "regex:[aeiou]", "--temperature", "0.7", "--top-p", "0.9");
        assertEquals(0, drawn.status(), drawn.err());
        String card = Files.readString(run.resolve("README.md"));
        assertTrue(card.contains("β = 0.0, temperature 0.7, top_p 0.9)"), card);
        assertRefused(
                "temperature was 0.7 and is now 1.0; top_p was 0.9 and is now 1.0",
                train(run, "--reward", "regex:[aeiou]", "--resume"));
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
                model.toString(),
                "--data",
                texts.toString(),
                "--method",
                "lora",
                "--output",
                folder.resolve("plain").toString());
        assertEquals(0, plain.status(), plain.err());
        Captured cold = train(run, "--config", file, "--reward", "exact");
        assertRefused("temperature must be above 0 where a model learns by its own answers", cold);
        assertRefused("temperature 0 is that of the file of settings (--config)", cold);
    }

    @Test
    void aDryRunAnswersAndWritesNothing() throws IOException {
        Path run = folder.resolve("run");
        Captured tried = train(run, "--eval-share", "0.3", "--reward", "regex:[aeiou]", "--dry-run", "--json");
        assertEquals(0, tried.status(), tried.err());
        JsonNode tree = JSON.readTree(tried.out());
        assertTrue(tree.get("seconds").asDouble() > 0);
        // four answers of eight tokens behind each prompt
        assertTrue(tree.get("tokens_per_epoch").asLong() > tree.get("rows").asLong() * 4 * 8, tried.out());
        assertFalse(Files.exists(run));
    }

    private Captured eval(Object... more) {
        List<Object> call = new ArrayList<>(List.of("--prompt-column", "question"));
        call.addAll(List.of(more));
        return evalOf(call.toArray());
    }

    private Captured evalOf(Object... more) {
        List<Object> call = new ArrayList<>(List.of("eval", "--model", model, "--data", rows));
        call.addAll(List.of(more));
        return Captured.loft(call.stream().map(Object::toString).toArray(String[]::new));
    }

    private static JsonNode json(Captured call) throws IOException {
        assertEquals(0, call.status(), call.err());
        return JSON.readTree(call.out());
    }

    /** By the rewards of the training, with the likeliest tokens, a model is as good as the evaluation of the run has found it. */
    @Test
    void anAdapterIsJudgedByTheRewardsOfItsTraining() throws IOException {
        Path run = folder.resolve("run");
        Object[] rewards = {"--reward", "exact", "--reward", "regex:[aeiou]", "--reward-weights", "5,0.5"};
        List<Object> call = new ArrayList<>(List.of(rewards));
        call.addAll(List.of("--eval-data", rows, "--json"));
        JsonNode best = json(train(run, call.toArray())).get("best_evaluation");

        Captured judged = eval("--adapter", run, "--json");
        JsonNode told = json(judged);
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
        assertTrue(eval("--adapter", run).out().contains("reward_exact_stderr"));

        JsonNode other = json(eval(
                "--adapter", run, "--json", "--reward", "regex:[b-z]", "--max-completion-length", "3", "--top-k", "1"));
        assertFalse(other.has("reward_regex"), other::toString);
        assertEquals(3, other.get("completion_length").asDouble());
        assertEquals(1, other.get("temperature").asDouble());
        // rows of another kind are judged as ever
        assertTrue(json(evalOf("--adapter", run, "--json", "--format", "text", "--text-column", "answer"))
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
        double first = json(eval(call)).get("reward").asDouble();
        assertEquals(first, json(eval(call)).get("reward").asDouble());
        assertNotEquals(first, json(eval(seeded.toArray())).get("reward").asDouble());
    }

    /** A file beside weights may come from anywhere: it starts no program. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void aProgramIsStartedWhereTheCallNamesItAlone() throws IOException {
        Path run = folder.resolve("run");
        Path started = folder.resolve("started");
        String judge = "command:sh -c \"echo now >> '" + started + "'; : " + "long".repeat(60)
                + "; while read line; do echo 1; done\"";
        Captured trained = train(run, "--reward", judge, "--reward", "exact", "--reward-weights", "1,2");
        assertEquals(0, trained.status(), trained.err());
        Files.delete(started);
        Captured refused = eval("--adapter", run);
        assertRefused(
                "were judged by a program, which is started where the call itself names it: give --reward", refused);
        assertTrue(refused.err().contains("--reward exact --reward-weights 1.0,2.0"), refused.err());
        assertTrue(refused.err().contains("long; while read line; do echo 1; done"), refused.err());
        assertFalse(Files.exists(started));
        JsonNode told = json(eval("--adapter", run, "--reward", judge, "--json"));
        assertEquals(1, told.get("reward").asDouble());
        assertEquals(0, told.get("reward_stderr").asDouble());
        assertEquals(List.of("now"), Files.readAllLines(started));

        Path file = run.resolve("loft_task.json");
        Files.writeString(
                file,
                Files.readString(file)
                        .replace("\"exact\"", "\"letter\"")
                        .replaceFirst("\"command:.*?[^\\\\]\"", "\"brief\""));
        assertRefused(
                "were judged by brief, which is not one that a call names: give a --reward", eval("--adapter", run));
    }

    /** It comes with weights from anywhere, and a terminal takes orders. */
    @Test
    void whatALeftFileSaysIsShownWithoutOrdersToATerminal() throws IOException {
        Path run = folder.resolve("run");
        assertEquals(0, train(run, "--reward", "regex:[aeiou]").status());
        Path file = run.resolve("loft_task.json");
        String whole = Files.readString(file);
        Files.writeString(file, whole.replace("[aeiou]", "[ae\\u001b]"));
        Captured judged = eval("--adapter", run);
        assertEquals(0, judged.status(), judged.err());
        assertTrue(judged.err().contains("judged by regex:[ae?] × 1.0, "), judged.err());
        assertFalse(judged.err().contains("\u001b"), judged.err());
        Captured other = evalOf("--adapter", run, "--max-length", "64");
        assertNotEquals(0, other.status());
        assertTrue(
                other.err()
                        .contains(
                                "as in its training; rows of another kind are judged as ever where --format names it"),
                other.err());
        Files.writeString(file, whole.replace("[aeiou]", "(\\u001b"));
        Captured broken = eval("--adapter", run);
        assertRefused(file + ", by whose rewards the model is judged: --reward regex:(?: Unclosed group", broken);
        assertFalse(broken.err().contains("\u001b"), broken.err());
    }

    /** What a call says takes the place of what its file says; what the file says of rewards alone stops nothing else. */
    @Test
    void aFileOfRewardsServesCallsWithOthersAndWithout() throws IOException {
        Path file = Files.writeString(
                folder.resolve("settings.yaml"),
                "reward: [exact, 'command:no-such-program-here']\nreward_weights: [1, 2]\nreward_timeout: 30\n"
                        + "log_completions: true\nnum_generations: 4\nmax_completion_length: 8\n");
        Captured judged = eval("--config", file, "--reward", "exact", "--max-completion-length", "4");
        assertEquals(0, judged.status(), judged.err());
        assertTrue(judged.err().contains("judged by exact × 1.0, "), judged.err());
        assertRefused("there is no program no-such-program-here on the PATH", eval("--config", file));
        assertTrue(json(evalOf("--config", file, "--json", "--format", "text", "--text-column", "answer"))
                .has("perplexity"));
        assertRefused("there is no program no-such-program-here on the PATH", train(folder, "--config", file));
        Captured exact = train(folder.resolve("exact"), "--config", file, "--reward", "exact", "--max-steps", "1");
        assertEquals(0, exact.status(), exact.err());
        Captured texts = Captured.loft(
                "train",
                "--config",
                file.toString(),
                "--model",
                model.toString(),
                "--data",
                rows.toString(),
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
                        model.toString(),
                        "--data",
                        rows.toString(),
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
        assertRefused("--format reward has prompts alone, whose answers a reward judges", eval("--format", "reward"));
        assertRefused(
                "--reward judges answers to rows of prompts (--format reward), and --format is text",
                evalOf("--reward", "exact", "--format", "text"));
        assertRefused(
                "--temperature, --max-completion-length, --seed are of answers that rewards judge, and there is no reward",
                evalOf(
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
        assertRefused(
                "max_completion_length is 8, which leaves no place for a prompt within max_length, 8",
                eval("--reward", "exact", "--max-completion-length", "8", "--max-length", "8"));
        assertRefused("--preference-beta is of preferences", eval("--reward", "exact", "--preference-beta", "0.1"));
        assertRefused(
                "reward_weights are of the rewards that a call names, in their order, and it names none: give --reward too",
                eval("--reward-weights", "1,2"));
        Path classifier = TinyModels.encoder(folder.resolve("bert"));
        Captured ofClasses = Captured.loft(
                "eval", "--model", classifier.toString(), "--data", rows.toString(), "--temperature", "0.5");
        assertRefused("--temperature is for causal-lm", ofClasses);
        assertFalse(ofClasses.err().contains("--reward"), ofClasses.err());
        assertRefused("max_completion_length must be at least 1", eval("--max-completion-length", "0"));
        Captured lacks = eval("--reward", "exact:truth", "--max-completion-length", "8");
        assertEquals(1, lacks.status(), lacks.err());
        assertTrue(lacks.err().contains("rows.csv, line 2: has no \"truth\" for --reward exact:truth"), lacks.err());
    }

    @Test
    void whatRewardsHaveNoUseForIsRefused() throws IOException {
        Path run = folder.resolve("run");
        assertRefused("--reward and --streaming exclude each other", train(run, "--reward", "exact", "--streaming"));
        assertRefused("--reward and --packing exclude each other", train(run, "--reward", "exact", "--packing"));
        assertRefused("--format is preference", train(run, "--reward", "exact", "--format", "preference"));
        assertRefused("--format reward has prompts alone", train(run, "--format", "reward"));
        assertRefused("exact:COLUMN, regex:PATTERN or command:PROGRAM", train(run, "--reward", "good"));
        assertRefused("--reward regex:(: Unclosed group", train(run, "--reward", "regex:("));
        assertRefused(
                "reward_weights must be as many as there are rewards, 1, got 2",
                train(run, "--reward", "exact", "--reward-weights", "1,2"));
        assertRefused("reward_timeout must be at least 1", train(run, "--reward", "exact", "--reward-timeout", "0"));
        assertRefused(
                "leaves no place for a prompt within max_length, 8",
                train(run, "--reward", "exact", "--max-length", "8"));
        assertRefused(
                "command:no-such-program-here: cannot be started: there is no program no-such-program-here on the PATH",
                train(run, "--reward", "command:no-such-program-here"));
        assertRefused(
                "command:judge --path='a b: the quote ' is not closed",
                train(run, "--reward", "command:judge --path='a b"));
        assertRefused(
                "reward_timeout is of programs and patterns", train(run, "--reward", "exact", "--reward-timeout", "5"));
        assertRefused("log_completions writes down answers that rewards judge", train(run, "--log-completions"));
        assertRefused(
                "temperature must be above 0 where a model learns by its own answers",
                train(run, "--reward", "exact", "--temperature", "0"));
        assertRefused("top_p must be above 0 and at most 1, got 2.0", train(run, "--reward", "exact", "--top-p", "2"));
        assertRefused(
                "--temperature, --min-p say how answers are drawn that rewards judge, and there is none",
                train(run, "--temperature", "0.7", "--min-p", "0.1"));
        assertRefused("--grpo-loss", train(run, "--reward", "exact", "--grpo-loss", "ppo"));
        assertRefused(
                "--reward is for causal-lm, and the model is for sequence-classification",
                train(run, "--reward", "exact", "--task", "sequence-classification"));
        Captured lacks = train(run, "--reward", "exact:truth");
        assertEquals(1, lacks.status(), lacks.err());
        assertTrue(lacks.err().contains("rows.csv, line 2: has no \"truth\" for --reward exact:truth"), lacks.err());
        Path listed = Files.writeString(
                folder.resolve("listed.jsonl"), "{\"prompt\": \"Lily\", \"answer\": [\"a\", \"b\"]}\n");
        Captured list = Captured.loft(
                "train",
                "--model",
                model.toString(),
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
        assertRefused(
                "--format reward has prompts alone, and compare has no rewards",
                Captured.loft(
                        "compare",
                        "--model",
                        model.toString(),
                        "--data",
                        rows.toString(),
                        "--eval-data",
                        rows.toString(),
                        "--test-data",
                        rows.toString(),
                        "--methods",
                        "lora",
                        "--output",
                        run.toString(),
                        "--format",
                        "reward"));
        assertFalse(Files.exists(run));
    }

    private static void assertRefused(String message, Captured call) {
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains(message), call.err());
    }
}
