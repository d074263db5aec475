package org.loft4j.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.data.Message;
import org.loft4j.data.RewardedPrompt;
import org.loft4j.infer.Classifier;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.infer.TextGenerator;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainResult;
import org.loft4j.train.TrainingRun;

/** The examples do what they say. */
class ExamplesTest {
    private static final Path SOURCES = Path.of("src/test/java/org/loft4j/examples");
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures");

    @TempDir
    Path directory;

    private Path base;

    @BeforeEach
    void aBaseModelWithATokenizer() throws IOException {
        base = Files.createDirectories(directory.resolve("base"));
        for (String file : List.of("bert_cls/config.json", "bert_cls/model.safetensors")) {
            Files.copy(FIXTURES.resolve(file), base.resolve(Path.of(file).getFileName()));
        }
        for (String file : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(FIXTURES.resolve("tiny_wordpiece").resolve(file), base.resolve(file));
        }
    }

    private Path trained() throws IOException {
        Path csv = directory.resolve("train.csv");
        StringBuilder rows = new StringBuilder("text,label\n");
        for (int i = 0; i < 64; i++) {
            rows.append(i % 2 == 0 ? "the cat is on the mat,cat\n" : "the dog is happy,dog\n");
        }
        Files.writeString(csv, rows);
        Path output = directory.resolve("run");
        assertEquals(2, FineTune.run(base, csv, output).step());
        return output;
    }

    @Test
    void aTrainedClassifierAnswersThroughAServerToSeveralThreadsAtOnce() throws Exception {
        Path run = trained();
        List<String> texts = List.of("the cat is on the mat", "the dog is happy", "it is a cat", "a dog .");
        List<String> alone = new ArrayList<>();
        try (Classifier classifier = Classifier.open(run)) {
            texts.forEach(text -> alone.add(classifier.classify(text).label() + " "
                    + classifier.classify(text).probability()));
        }
        HttpClient client = HttpClient.newHttpClient();
        try (AnswerServer server = new AnswerServer(run)) {
            List<Callable<String>> calls = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                HttpRequest request = HttpRequest.newBuilder(server.address())
                        .POST(HttpRequest.BodyPublishers.ofString(texts.get(i % texts.size())))
                        .build();
                calls.add(() -> client.send(request, HttpResponse.BodyHandlers.ofString())
                        .body());
            }
            List<String> answers = atOnce(calls);
            for (int i = 0; i < answers.size(); i++) {
                assertEquals(alone.get(i % texts.size()), answers.get(i));
            }
        }
    }

    @Test
    void aTrainingGoesOnFromTheAdapterOfAnother() throws IOException {
        Path run = trained();
        Path next = directory.resolve("next");
        assertEquals(
                2, GoOn.run(base, run, directory.resolve("train.csv"), next).step());
        assertEquals(TaskFile.read(run).labels(), TaskFile.read(next).labels());
        try (Classifier classifier = Classifier.open(next)) {
            assertTrue(
                    List.of("cat", "dog").contains(classifier.classify("a dog").label()));
        }
    }

    /** As a user starts it: the source alone, and no flags but a small heap. */
    @Test
    void aProgramOfOneFileAnswers() throws Exception {
        Path run = trained();
        String text = "the cat is on the mat";
        String alone;
        try (Classifier classifier = Classifier.open(run)) {
            alone = classifier.classify(text).label() + " "
                    + classifier.classify(text).probability();
        }
        String library = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !entry.endsWith("test-classes"))
                .collect(Collectors.joining(File.pathSeparator));
        Path log = directory.resolve("answer.log");
        Process process = new ProcessBuilder(
                        System.getProperty("java.home") + "/bin/java",
                        "-Xmx64m",
                        "-cp",
                        library,
                        SOURCES.resolve("Answer.java").toString(),
                        run.toString(),
                        text)
                .redirectError(log.toFile())
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(120, TimeUnit.SECONDS));
        assertEquals(alone, said.strip(), () -> "see " + log);
    }

    @Test
    void aTextIsContinuedAndAQuestionAnswered() throws IOException {
        Path model = Files.createDirectory(directory.resolve("stories"));
        try (Stream<Path> files = Files.list(FIXTURES.resolve("stories260K"))) {
            for (Path file : files.toList()) {
                Files.copy(file, model.resolve(file.getFileName()));
            }
        }
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}");
        List<String> told = Tell.run(model, "Once upon a time", "Who was Ada Lovelace?");
        assertTrue(told.get(0).length() > 10 && told.get(1).length() > 10, told.toString());
        StringBuilder screen = new StringBuilder();
        String said =
                Converse.run(model, "Who was Ada Lovelace?", screen::append).text();
        assertTrue(said.length() > 10, said);
        assertEquals(said, screen.toString());
        List<String> questions = List.of("Who was Ada Lovelace?", "And then?");
        List<Message> conversation = Talk.run(model, questions, piece -> {});
        assertEquals(4, conversation.size());
        try (TextGenerator generator = TextGenerator.open(model)) {
            for (int turn : new int[] {1, 3}) {
                assertEquals(
                        generator
                                .reply(conversation.subList(0, turn), 100, SamplingConfig.GREEDY)
                                .text(),
                        conversation.get(turn).text());
            }
        }
    }

    @Test
    void aModelLearnsByRewards() throws IOException {
        List<RewardedPrompt> rows =
                List.of(new RewardedPrompt("Lily had a", "ball"), new RewardedPrompt("Tom saw a", "cat"));
        assertEquals(
                1,
                Rewarded.run(FIXTURES.resolve("stories260K"), rows, directory.resolve("rewarded"))
                        .step());
    }

    /** What the pages on the library and on rewards show stands in these sources, which are run. */
    @Test
    void thePagesShowWhatIsRun() throws IOException {
        List<String> sources = new ArrayList<>();
        try (Stream<Path> files = Files.list(SOURCES)) {
            for (Path file : files.toList()) {
                sources.add(Files.readString(file).replaceAll("\\s", ""));
            }
        }
        Matcher shown = Pattern.compile("(?ms)^```java\\R(.*?)^```")
                .matcher(Files.readString(Path.of("../docs/library.md"))
                        + Files.readString(Path.of("../docs/rewards.md")));
        int found = 0;
        while (shown.find()) {
            String snippet = shown.group(1);
            assertTrue(
                    sources.stream().anyMatch(source -> source.contains(snippet.replaceAll("\\s", ""))),
                    "in no example: " + snippet);
            found++;
        }
        assertEquals(7, found);
    }

    @Test
    void aGeneratorAnswersSeveralThreadsAsItAnswersOne() throws Exception {
        Path stories = FIXTURES.resolve("stories260K");
        try (TextGenerator generator = TextGenerator.open(stories)) {
            List<String> prompts = List.of("Once upon a time", "The cat", "Lily wanted to");
            List<String> alone = prompts.stream()
                    .map(prompt -> generator
                            .complete(prompt, 12, SamplingConfig.GREEDY)
                            .text())
                    .toList();
            List<Callable<String>> calls = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                String prompt = prompts.get(i % prompts.size());
                calls.add(() ->
                        generator.complete(prompt, 12, SamplingConfig.GREEDY).text());
            }
            List<String> answers = atOnce(calls);
            for (int i = 0; i < answers.size(); i++) {
                assertEquals(alone.get(i % prompts.size()), answers.get(i));
            }
            assertTrue(alone.get(0).length() > 10, alone.toString());
            generator.close();
            assertThrows(IllegalStateException.class, () -> generator.complete("a", 1, SamplingConfig.GREEDY));
        }
    }

    private static <T> List<T> atOnce(List<Callable<T>> calls) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<T> results = new ArrayList<>();
            for (Future<T> future : threads.invokeAll(calls)) {
                results.add(future.get());
            }
            return results;
        } finally {
            threads.shutdown();
        }
    }

    @Test
    void ownDataAndCallbacks() throws IOException {
        TrainConfig config = TrainConfig.builder(Method.LORA)
                .epochs(50)
                .batchSize(16)
                .learningRate(3e-2)
                .build();
        LoraConfig lora = LoraConfig.of(4, 8, TargetModules.allLinear());
        TrainData data = new TrainData(new OwnData(64, 24, 1), new OwnData(16, 24, 1000), 0, 8);
        try (Model model = Models.initialise(
                        FIXTURES.resolve("stories260K"),
                        ModelOptions.of(Task.CAUSAL_LM).withSeed(3));
                TrainingRun run =
                        TrainingRun.open(model, data, config, lora, directory.resolve("own"), OnExisting.REFUSE)) {
            Callbacks callbacks = Callbacks.on(run, 1e9);
            TrainResult result = run.run();
            assertEquals(TrainResult.Outcome.INTERRUPTED, result.outcome());
            assertEquals(
                    List.of(
                            "step 1 of 200",
                            "step 2 of 200",
                            "step 3 of 200",
                            "step 4 of 200",
                            "evaluation at 4, the best",
                            "saved checkpoint-4"),
                    callbacks.heard());
        }
    }

    @Test
    void anOwnModelIsAdaptedAndAnOwnMetricChoosesTheBest() throws IOException {
        List<int[]> texts = new ArrayList<>();
        int[] classes = new int[64];
        for (int i = 0; i < classes.length; i++) {
            classes[i] = i % 2;
            texts.add(new int[] {2 + i % 7, i % 2, 9 - i % 5});
        }
        Dataset rows = Dataset.classificationIds(texts, classes);
        TrainConfig config = TrainConfig.builder(Method.LOFT)
                .epochs(12)
                .batchSize(16)
                .learningRate(1e-2)
                .headLearningRate(1e-2)
                .metricForBest("recall_of_odd")
                .build();
        LoraConfig lora = LoraConfig.of(4, 8, TargetModules.allLinear());
        // how many of the second class were found
        TrainData data = new TrainData(rows, rows, 0, 3)
                .withMetric(
                        "recall_of_odd",
                        (model, evaluation) -> evaluation.confusion().count(1, 1)
                                / (double) (evaluation.confusion().count(1, 0)
                                        + evaluation.confusion().count(1, 1)));
        try (Model model = new OwnModel(12, List.of("even", "odd"), 7);
                TrainingRun run =
                        TrainingRun.open(model, data, config, lora, directory.resolve("own"), OnExisting.REFUSE)) {
            assertEquals(2, run.trainable().adapter().layers().size());
            TrainResult result = run.run();
            assertEquals(1.0, result.bestEvaluation().get("recall_of_odd"), result.toString());
            assertEquals(1.0, result.lastEvaluation().get("accuracy"), result.toString());
        }
    }

    /** Of which only the numbers in its paths say what its layers are. */
    @Test
    void theMemoryOfAnOwnModelsLayersIsReckoned() {
        try (Model model = new OwnModel(12, List.of("even", "odd"), 7)) {
            assertEquals(
                    List.of("[layers.0.dense]", "[layers.1.dense]"),
                    model.layers().stream()
                            .map(layer ->
                                    layer.stream().map(Linear::path).toList().toString())
                            .toList());
        }
    }

    @Test
    void whatIsWrongIsSaid() {
        TrainData data = new TrainData(new OwnData(4, 24, 1), null, 0, 8);
        for (String taken : List.of("loss", "seconds", "kl", "clipped_ratio", "reward_rejected", "reward_mine")) {
            ConfigException e =
                    assertThrows(ConfigException.class, () -> data.withMetric(taken, (model, evaluation) -> 0), taken);
            assertTrue(e.getMessage().endsWith("got " + taken + ", which is taken"), e.getMessage());
        }
        TrainConfig config =
                TrainConfig.builder(Method.LORA).metricForBest("mine").build();
        LoraConfig lora = LoraConfig.of(4, 8, TargetModules.allLinear());
        Path stories = FIXTURES.resolve("stories260K");
        try (Model model =
                Models.initialise(stories, ModelOptions.of(Task.CAUSAL_LM).withDevice(DeviceSpec.CPU))) {
            String message = assertThrows(
                            ConfigException.class,
                            () -> TrainingRun.open(
                                    model, data, config, lora, directory.resolve("x"), OnExisting.REFUSE))
                    .getMessage();
            assertEquals(
                    "metric_for_best_model must be one of loss, perplexity, token_accuracy for this task, got mine",
                    message);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
