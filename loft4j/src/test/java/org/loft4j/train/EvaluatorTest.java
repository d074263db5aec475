package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.Labels;
import org.loft4j.data.PackedDataset;
import org.loft4j.data.TaggedWords;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** On the processor the rows of a batch are shared out, which changes nothing but how sums are rounded. */
class EvaluatorTest {
    private static Evaluation evaluation(Model model, int threads, Examples rows) throws IOException {
        try (Threads some = Threads.of(threads)) {
            return new Evaluator(model, 0, 7).evaluate(rows);
        }
    }

    private static void assertSharedOutAlike(Model model, Examples rows) throws IOException {
        Evaluation alone = evaluation(model, 1, rows);
        Evaluation shared = evaluation(model, 3, rows);
        assertEquals(alone.loss(), shared.loss(), 1e-6 * alone.loss());
        assertEquals(alone.count(), shared.count());
        assertEquals(alone.values().keySet(), shared.values().keySet());
        shared.values().forEach((name, value) -> {
            if (!name.equals("loss") && !name.equals("perplexity")) {
                assertEquals(alone.values().get(name), value, name);
            }
        });
        for (int i = 0; i < 5; i++) {
            assertEquals(shared.values(), evaluation(model, 3, rows).values(), "not the same twice");
        }
    }

    @Test
    void tokenAccuracyIsTheShareOfTheLargestLogits() throws IOException {
        try (Model model = TinyRun.model()) {
            int[] told = new int[9];
            told[0] = 3;
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false)) {
                for (int t = 1; t < told.length; t++) {
                    long[] before =
                            IntStream.range(0, t).mapToLong(i -> told[i]).toArray();
                    Tensor logits = model.logits(new TokenInput(Tensors.of(before, 1, t), null));
                    told[t] = (int) logits.select(1, t - 1).argmax().item_long();
                }
            }
            int[] other = told.clone();
            other[8] = (told[8] + 1) % TinyRun.VOCABULARY;
            Evaluation evaluation = evaluation(model, 1, Dataset.causalLmIds(List.of(told, other)));
            assertEquals(15 / 16.0, evaluation.values().get("token_accuracy"));
        }
    }

    @Test
    void ofTextsOfWordsAndOfALanguageModel() throws IOException {
        List<int[]> ids = IntStream.range(0, 17)
                .mapToObj(i -> IntStream.range(3, 6 + i % 9).toArray())
                .toList();
        try (Model model = TinyRun.model()) {
            assertSharedOutAlike(model, TinyRun.counting(20, 3));
            assertSharedOutAlike(model, new PackedDataset(TinyRun.counting(20, 4), 24));
        }
        int[] classes = IntStream.range(0, ids.size()).map(i -> i % 3).toArray();
        try (Model model = classifier(Task.SEQUENCE_CLASSIFICATION)) {
            assertSharedOutAlike(model, Dataset.classificationIds(ids, classes));
        }
        List<TaggedWords> tagged = new ArrayList<>();
        for (int i = 0; i < 15; i++) {
            List<String> words = Collections.nCopies(2 + i % 5, i % 2 == 0 ? "the" : "a");
            tagged.add(new TaggedWords(
                    words,
                    IntStream.range(0, words.size())
                            .mapToObj(at -> List.of("O", "B-X", "I-X").get(at % 3))
                            .toList()));
        }
        try (Model model = classifier(Task.TOKEN_CLASSIFICATION);
                Tokenizer tokenizer =
                        Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            Labels labels = Labels.ofNames(List.of("B-X", "I-X", "O"));
            assertSharedOutAlike(model, Dataset.tokenClassification(tagged, labels, tokenizer, 32));
        }
    }

    private static Model classifier(Task task) throws IOException {
        return Models.open(Fixture.directory("bert_cls"), ModelOptions.of(task).withLabels(List.of("B-X", "I-X", "O")));
    }

    /** Hears what goes into the head. */
    private static void evaluateAloud(int threads, int batchSize, Consumer<Tensor> heard) throws IOException {
        try (Threads some = Threads.of(threads);
                Model model = TinyRun.model()) {
            ((Decoder) model).head().setForward((base, x) -> {
                heard.accept(x);
                return base.baseForward(x);
            });
            new Evaluator(model, 0, batchSize).evaluate(TinyRun.counting(9, 3));
        }
    }

    @Test
    void theRowsOfABatchGoInLanes() throws IOException {
        List<Boolean> inside = Collections.synchronizedList(new ArrayList<>());
        evaluateAloud(3, 9, x -> inside.add(Lanes.inside()));
        assertEquals(List.of(true, true, true), inside);
        inside.clear();
        evaluateAloud(1, 9, x -> inside.add(Lanes.inside()));
        assertEquals(List.of(false), inside);
    }

    /** What does not fit into memory does so at once. */
    @Test
    void theLongestRowsComeFirst() throws IOException {
        List<Long> sizes = new ArrayList<>();
        evaluateAloud(1, 1, x -> sizes.add(x.size(0)));
        List<Long> falling = new ArrayList<>(sizes);
        falling.sort(Collections.reverseOrder());
        assertEquals(falling, sizes);
        assertTrue(sizes.get(0) > sizes.get(sizes.size() - 1), sizes.toString());
    }
}
