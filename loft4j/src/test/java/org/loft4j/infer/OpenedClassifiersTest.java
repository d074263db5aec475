package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.Thread.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.Json;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;

/** What holds of classifiers of texts, of words and of images that are opened with a model of their own. */
@Timeout(120)
class OpenedClassifiersTest {
    private static final List<List<String>> TEXTS = List.of(
            List.of("the", "cat", "is", "on", "the", "mat", "."),
            List.of("a", "dog"),
            List.of("it", "is", "a", "happy", "dog", "!"));

    @TempDir
    Path directory;

    private interface Asking<A, R> {
        R of(List<A> asked) throws Exception;
    }

    /** Threads get the answers that one gets; closing waits for the one that has its turn; then there are none. */
    private static <A, R> List<R> answers(Asking<A, R> asking, Runnable close, List<List<A>> asked) throws Exception {
        List<R> alone = new ArrayList<>();
        for (List<A> each : asked) {
            alone.add(asking.of(each));
        }
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Callable<R>> calls = IntStream.range(0, 24)
                    .<Callable<R>>mapToObj(i -> () -> asking.of(asked.get(i % asked.size())))
                    .toList();
            List<Future<R>> together = threads.invokeAll(calls);
            for (int i = 0; i < together.size(); i++) {
                assertEquals(alone.get(i % asked.size()), together.get(i).get());
            }
        } finally {
            threads.shutdown();
        }
        Thread closing = new Thread(close);
        assertEquals(alone.get(0), asking.of(closing(closing, asked.get(0))));
        closing.join();
        IllegalStateException refused = assertThrows(IllegalStateException.class, () -> asking.of(asked.get(0)));
        assertEquals("the classifier is closed", refused.getMessage());
        close.run();
        return alone;
    }

    /** Has another thread close what reads the list, and goes on when that waits or has not waited. */
    private static <A> List<A> closing(Thread closing, List<A> list) {
        return new AbstractList<>() {
            @Override
            public A get(int index) {
                if (closing.getState() == State.NEW) {
                    closing.start();
                    while (closing.getState() != State.WAITING && closing.getState() != State.TERMINATED) {
                        Thread.onSpinWait();
                    }
                }
                return list.get(index);
            }

            @Override
            public int size() {
                return list.size();
            }
        };
    }

    private Path encoder(String architecture) throws IOException {
        Path bert = Fixture.directory("bert_cls");
        Path model = Files.createDirectories(directory.resolve(architecture));
        ObjectNode config = Json.read(bert.resolve("config.json")).toTree();
        config.putArray("architectures").add(architecture);
        Json.write(model.resolve("config.json"), config);
        Files.copy(bert.resolve("model.safetensors"), model.resolve("model.safetensors"));
        for (String file : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(bert.resolveSibling("tiny_wordpiece").resolve(file), model.resolve(file));
        }
        return model;
    }

    @Test
    void texts() throws Exception {
        Path model = encoder("BertForSequenceClassification");
        Classifier classifier = Classifier.open(model);
        assertEquals(List.of("LABEL_0", "LABEL_1", "LABEL_2"), classifier.labels());
        var answers = answers(classifier::classify, classifier::close, TEXTS);
        assertEquals(7, answers.get(0).size());
        assertRefused(model, "to classify texts", "to classify words", TokenClassifier::open);
    }

    @Test
    void words() throws Exception {
        Path model = encoder("BertForTokenClassification");
        TokenClassifier classifier = TokenClassifier.open(model);
        assertEquals(List.of("LABEL_0", "LABEL_1", "LABEL_2"), classifier.labels());
        assertEquals(classifier.classify(TEXTS.get(1)), classifier.classify(" a  dog\n"));
        List<List<TokenClassifier.Word>> answers =
                answers((List<String> words) -> classifier.classify(words), classifier::close, TEXTS);
        try (Model own = Models.open(model, ModelOptions.of(Task.TOKEN_CLASSIFICATION));
                Tokenizer tokenizer = Tokenizer.open(model);
                TokenClassifier other = new TokenClassifier(own, tokenizer, 66)) {
            assertEquals(other.classify(TEXTS.get(0)), answers.get(0));
        }
        assertRefused(model, "to classify words", "to classify texts", Classifier::open);
        // a training's word comes before that of config.json, with its length
        new TaskFile(Task.TOKEN_CLASSIFICATION, List.of("a", "b", "c"), null, 4, null, null).write(model);
        try (TokenClassifier trained = TokenClassifier.open(model)) {
            assertEquals(List.of("a", "b", "c"), trained.labels());
            assertEquals(2, trained.classify(TEXTS.get(0)).size(), "and the tokens at both ends");
        }
        new TaskFile(Task.CAUSAL_LM, List.of(), null, 4, null, null).write(model);
        assertRefused(model, "as a language model", "to classify words", TokenClassifier::open);
    }

    private interface Opening {
        AutoCloseable of(Path trained) throws IOException;
    }

    private static void assertRefused(Path model, String trained, String wanted, Opening opening) {
        String message =
                assertThrows(ConfigException.class, () -> opening.of(model)).getMessage();
        assertEquals(model + " was trained " + trained + ", not " + wanted, message);
    }

    private Path picture(int seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        BufferedImage image = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < 32 * 32; i++) {
            image.setRGB(i % 32, i / 32, random.nextInt());
        }
        Path file = directory.resolve(seed + ".png");
        ImageIO.write(image, "png", file.toFile());
        return file;
    }

    @Test
    void images() throws Exception {
        Path model = Fixture.directory("vit_cls");
        List<Path> files = List.of(picture(1), picture(2), picture(3));
        Path broken = Files.writeString(directory.resolve("broken.png"), "no picture");
        assertThrows(ConfigException.class, () -> ImageLabeler.open(model));
        ImageClassifier classifier = ImageClassifier.open(model);
        assertEquals(5, classifier.labels().size());
        DataException fault = assertThrows(DataException.class, () -> classifier.classify(List.of(broken)));
        assertTrue(fault.getMessage().contains("broken.png"), fault.getMessage());
        var answers = answers(
                (List<Path> some) -> classifier.classify(some),
                classifier::close,
                List.of(files, files.subList(0, 1), files.subList(1, 3)));
        try (Model own = Models.open(model, ModelOptions.of(Task.IMAGE_CLASSIFICATION));
                ImageClassifier other = new ImageClassifier(own, model, 2)) {
            assertEquals(files.size(), answers.get(0).size());
            assertEquals(
                    other.classify(files).get(2).probability(),
                    answers.get(0).get(2).probability(),
                    1e-6);
        }
        // an adapter on it, which names its model
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        for (String file : List.of("adapter_config.json", "adapter_model.safetensors")) {
            Files.copy(model.resolve("adapter").resolve(file), adapter.resolve(file));
        }
        List<String> labels = List.of("a", "b", "c", "d", "e");
        new TaskFile(Task.IMAGE_CLASSIFICATION, labels, null, 1, model.toString(), null).write(adapter);
        try (ImageClassifier named = ImageClassifier.open(adapter);
                ImageClassifier given = ImageClassifier.open(model, adapter, DeviceSpec.CPU, null)) {
            assertEquals(labels, named.labels());
            var adapted = named.classify(files);
            assertEquals(given.classify(files), adapted);
            assertNotEquals(answers.get(0).get(0).probability(), adapted.get(0).probability());
        }
        assertRefused(adapter, "to classify images", "to classify words", TokenClassifier::open);
    }

    @Test
    void aModelWhoseImagesCannotBePreparedIsFreed() throws IOException {
        Path vit = Fixture.directory("vit_cls");
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(vit.resolve(file), directory.resolve(file));
        }
        Files.writeString(directory.resolve("preprocessor_config.json"), "{\"resample\": 77}");
        assertThrows(DataException.class, () -> ImageClassifier.open(directory));
        long objects = LiveObjects.settled();
        assertThrows(DataException.class, () -> ImageClassifier.open(directory));
        assertTrue(NativeScope.liveObjects() <= objects, "the model is freed");
    }
}
