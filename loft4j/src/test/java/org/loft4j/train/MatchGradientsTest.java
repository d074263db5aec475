package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.MatchedTexts;
import org.loft4j.data.MiniBatch;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.MatchLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.RandomStream;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** The gradient of a step that is taken in two passes is that of the equation on all texts at once. */
class MatchGradientsTest {
    private static final double SCALE = 7;
    private static final long STEP = 3;

    @TempDir
    private Path directory;

    private static int[] text(int... ids) {
        return ids;
    }

    /** Two rows of one anchor, a negative that is a positive of it, one that is an anchor, rows with none and with two. */
    private static final MatchDataset ROWS = TinyMatches.of(List.of(
            List.of(text(5, 6, 7), text(20, 21, 22, 23)),
            List.of(text(5, 6, 7), text(30, 31), text(20, 21, 22, 23), text(40, 41, 42)),
            List.of(text(8, 9), text(50, 51, 52, 53, 54), text(5, 6, 7)),
            List.of(text(10, 11, 12, 13), text(60, 61)),
            List.of(text(14), text(70, 71, 72), text(80, 81)),
            // its positive is an anchor of another, and a positive of another anchor
            List.of(text(15, 16), text(8, 9)),
            List.of(text(17, 18, 19), text(60, 61)),
            List.of(text(3, 4, 5, 6, 7, 8, 9), text(90, 91, 92, 93, 94, 95, 96, 97, 98))));

    private static int[] all(MatchDataset rows) {
        return IntStream.range(0, rows.size()).toArray();
    }

    /** All rows in so many steps of accumulation, each of two batches. */
    private static List<MiniBatch> cut(int parts) throws IOException {
        List<MiniBatch> batches = new ArrayList<>();
        int each = ROWS.size() / parts;
        for (int part = 0; part < parts; part++) {
            batches.addAll(ROWS.trainingBatches(
                    IntStream.range(part * each, (part + 1) * each).toArray(), 0, 0, 0));
        }
        return batches;
    }

    private static TrainConfig.Builder config() {
        return TinyRun.config(Method.FULL).loss(loss -> loss.withMatches(new MatchLoss(SCALE)));
    }

    /** What drops a share of what goes into it, as PEFT does. */
    private static LoraConfig lora() {
        return new LoraConfig(3, 6, 0.3, TargetModules.allLinear(), null, false, List.of());
    }

    /** All weights, or an adapter whose both factors have gradients. */
    private static Trainable trainable(Model model, TrainConfig config) {
        if (config.method() == Method.FULL) {
            return Trainable.create(model, null, config);
        }
        Trainable trainable = Trainable.create(model, lora(), config);
        double[] value = {0};
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            adapter(trainable).values().forEach(layer -> layer.loraB().fill_(new Scalar(value[0] += 0.02)));
        }
        return trainable;
    }

    private static Map<String, LoraLinear> adapter(Trainable trainable) {
        return Objects.requireNonNull(trainable.adapter()).layers();
    }

    /** The loss, then the gradient of each weight, or of the factors of each layer. */
    private static List<double[]> found(Model model, TrainConfig config, List<MiniBatch> batches, int threads) {
        try (Threads some = Threads.of(threads);
                NativeScope scope = new NativeScope();
                Trainable trainable = trainable(model, config)) {
            trainable.setTraining(true);
            List<double[]> found = new ArrayList<>();
            found.add(new double[] {new Trainer(model, trainable, config, 10).findGradients(batches, STEP)});
            found.addAll(gradients(model, trainable));
            return found;
        }
    }

    private static List<double[]> gradients(Model model, Trainable trainable) {
        List<double[]> found = new ArrayList<>();
        Collection<Tensor> weights = trainable.adapter() == null
                ? model.weights().asMap().values()
                : adapter(trainable).values().stream()
                        .flatMap(layer -> Stream.of(layer.loraA(), layer.loraB()))
                        .toList();
        for (Tensor weight : weights) {
            Tensor gradient = weight.grad();
            found.add(gradient.defined() ? Tensors.toDoubles(gradient) : new double[0]);
            weight.mutable_grad().reset();
        }
        return found;
    }

    /**
     * The equation by autograd: what is no negative is left out of the sum, one anchor after the other.
     *
     * @param vectors of the texts of the batches in turn
     */
    private static Tensor transcribed(Tensor vectors, List<MiniBatch> batches) {
        List<MatchedTexts> parts = batches.stream()
                .map(batch -> (MatchedTexts) ((Batch) batch).facts())
                .toList();
        List<Object> same =
                parts.stream().<Object>flatMap(p -> p.texts().stream()).toList();
        int[] texts = same.stream().mapToInt(same::indexOf).toArray();
        int[] roles = parts.stream().flatMapToInt(p -> Arrays.stream(p.roles())).toArray();
        int[] rows =
                parts.stream().flatMapToInt(p -> Arrays.stream(p.examples())).toArray();
        Tensor unit = vectors.div(vectors.mul(vectors)
                .sum(new long[] {1}, true, new ScalarTypeOptional())
                .sqrt());
        Tensor loss = Tensors.of(new double[] {0}, 1);
        int anchors = 0;
        for (int a = 0; a < texts.length; a++) {
            if (roles[a] != MatchDataset.ANCHOR) {
                continue;
            }
            anchors++;
            Tensor own = null;
            Tensor sum = Tensors.of(new double[] {0}, 1);
            for (int c = 0; c < texts.length; c++) {
                boolean mine = roles[c] == MatchDataset.POSITIVE && rows[c] == rows[a];
                if (roles[c] == MatchDataset.ANCHOR
                        || (!mine && (texts[c] == texts[a] || belongs(texts, roles, rows, a, c)))) {
                    continue;
                }
                Tensor score = unit.select(0, a).mul(unit.select(0, c)).sum().mul(new Scalar(SCALE));
                sum = sum.add(score.exp());
                own = mine ? score : own;
            }
            loss = loss.add(sum.log().sub(own));
        }
        return loss.div(new Scalar(anchors));
    }

    /** Whether a text is a positive of an anchor of the same text. */
    private static boolean belongs(int[] texts, int[] roles, int[] rows, int anchor, int candidate) {
        for (int other = 0; other < texts.length; other++) {
            for (int positive = 0; positive < texts.length; positive++) {
                if (roles[other] == MatchDataset.ANCHOR
                        && texts[other] == texts[anchor]
                        && roles[positive] == MatchDataset.POSITIVE
                        && rows[positive] == rows[other]
                        && texts[positive] == texts[candidate]) {
                    return true;
                }
            }
        }
        return false;
    }

    private static void assertClose(List<double[]> expected, List<double[]> actual, double tolerance) {
        assertEquals(expected.size(), actual.size());
        double largest = expected.stream()
                .skip(1)
                .flatMapToDouble(Arrays::stream)
                .map(Math::abs)
                .max()
                .orElseThrow();
        assertTrue(largest > 1e-3, "there are gradients: " + largest);
        for (int i = 0; i < expected.size(); i++) {
            double bound = tolerance * (i == 0 ? expected.get(0)[0] : largest);
            assertEquals(expected.get(i).length, actual.get(i).length);
            for (int j = 0; j < expected.get(i).length; j++) {
                assertEquals(expected.get(i)[j], actual.get(i)[j], bound, "tensor " + i + " at " + j);
            }
        }
    }

    private static long first(TrainConfig config, Tensor vectors) {
        return config.loss().matches().lengths().isEmpty()
                ? vectors.size(1)
                : config.loss().matches().lengths().get(0);
    }

    /** By one pass over all texts at once, dropout as the lanes draw it for each batch. */
    private static List<double[]> expected(Model model, TrainConfig config, List<MiniBatch> batches, int threads)
            throws IOException {
        try (Threads some = Threads.of(threads);
                NativeScope scope = new NativeScope();
                Trainable trainable = trainable(model, config)) {
            trainable.setTraining(true);
            model.setGradientCheckpointing(false);
            TensorVector vectors = new TensorVector();
            for (int i = 0; i < batches.size(); i++) {
                long seed = Seeds.derive(config.seed(), "batch " + i, STEP);
                BatchTensors batch = BatchTensors.of(batches.get(i), model);
                List<BatchTensors> parts = batch.split(Lanes.forRows(batch.rows()), model);
                for (int lane = 0; lane < parts.size(); lane++) {
                    try (RandomStream random = RandomStream.open(Seeds.derive(seed, "lane", lane))) {
                        vectors.push_back(model.logits(parts.get(lane).input()));
                    }
                }
            }
            Tensor all = torch.cat(vectors).to(Dtype.F64.scalarType());
            Tensor loss = transcribed(all.narrow(1, 0, first(config, all)), batches);
            for (int length : config.loss().matches().lengths().stream().skip(1).toList()) {
                loss = loss.add(transcribed(all.narrow(1, 0, length), batches));
            }
            loss.backward();
            List<double[]> found = new ArrayList<>(List.of(new double[] {loss.item_double()}));
            found.addAll(gradients(model, trainable));
            return found;
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1, F64, 1e-11", "2, 1, F64, 1e-11", "4, 1, F64, 1e-11", "4, 3, F64, 1e-11", "4, 3, F32, 2e-5"})
    void areThoseOfTheEquationHoweverTheStepIsCut(int parts, int threads, Dtype dtype, double tolerance)
            throws IOException {
        TrainConfig config = config().build();
        try (Model model = TinyMatches.model(directory, dtype, 0)) {
            List<double[]> expected = expected(model, config, List.of(ROWS.batch(all(ROWS), 0)), 1);
            assertClose(expected, found(model, config, cut(parts), threads), tolerance);
        }
    }

    /** The losses of vectors that are cut, each brought to length 1 anew, added up. */
    @ParameterizedTest
    @CsvSource({"1, 1, F64, 1e-11", "4, 3, F64, 1e-11", "4, 3, F32, 2e-5"})
    void lossesOfSeveralLengthsAddUp(int parts, int threads, Dtype dtype, double tolerance) throws IOException {
        TrainConfig config = config().loss(
                        loss -> loss.withMatches(loss.matches().withLengths(List.of(64, 24, 5))))
                .build();
        try (Model model = TinyMatches.model(directory, dtype, 0)) {
            List<double[]> expected = expected(model, config, List.of(ROWS.batch(all(ROWS), 0)), 1);
            assertClose(expected, found(model, config, cut(parts), threads), tolerance);
            TrainConfig whole = config().build();
            assertTrue(found(model, whole, cut(parts), threads).get(0)[0] < expected.get(0)[0] / 2);
        }
    }

    /** Were other values dropped in the second pass, the gradients would be none of any loss. */
    @ParameterizedTest
    @CsvSource({"1, false", "1, true", "3, false", "3, true"})
    void bothPassesDropTheSame(int threads, boolean checkpointing) throws IOException {
        TrainConfig config = config().gradientCheckpointing(checkpointing).build();
        try (Model model = TinyMatches.model(directory, Dtype.F64, 0.3)) {
            List<MiniBatch> batches = cut(2);
            List<double[]> expected = expected(model, config, batches, threads);
            List<double[]> found = found(model, config, batches, threads);
            assertClose(expected, found, 1e-11);
            TrainConfig other = config().seed(6).build();
            assertTrue(Math.abs(found(model, other, batches, 1).get(0)[0] - found.get(0)[0]) > 1e-3);
        }
    }

    /** The adapter drops by itself, on a base that may be of a half type or of 4 bits. */
    @ParameterizedTest
    @CsvSource({
        "F64, FULL, 1, false, 1e-11",
        "F64, FULL, 3, true, 1e-11",
        "BF16, FULL, 1, false, 1e-3",
        "BF16, FULL, 3, true, 1e-3",
        "F32, NF4, 1, false, 2e-5",
        "F32, NF4, 3, true, 2e-5"
    })
    void bothPassesDropTheSameInAnAdapter(
            Dtype dtype, LoadIn loadIn, int threads, boolean checkpointing, double tolerance) throws IOException {
        TrainConfig config = TinyRun.config(Method.LORA)
                .loss(loss -> loss.withMatches(new MatchLoss(SCALE)))
                .gradientCheckpointing(checkpointing)
                .build();
        ModelOptions options =
                ModelOptions.of(Task.SENTENCE_EMBEDDING).withDtype(dtype).withLoadIn(loadIn);
        try (Model model = Models.open(Fixture.directory("bert_cls"), options)) {
            List<MiniBatch> batches = cut(2);
            List<double[]> expected = expected(model, config, batches, threads);
            List<double[]> found = found(model, config, batches, threads);
            assertClose(expected, found, tolerance);
            TrainConfig other = TinyRun.config(Method.LORA)
                    .loss(loss -> loss.withMatches(new MatchLoss(SCALE)))
                    .seed(6)
                    .build();
            double away = found(model, other, batches, 1).get(0)[0] - found.get(0)[0];
            assertTrue(Math.abs(away) > 1e-3, "another draw: " + away);
        }
    }

    @Test
    void aStepOfTextsThatAllBelongTogetherHasNothingToTellApart() throws IOException {
        MatchDataset same = TinyMatches.of(
                List.of(List.of(text(5), text(20)), List.of(text(5), text(21)), List.of(text(5), text(20))));
        TrainConfig config = config().build();
        try (Model model = TinyMatches.model(directory, Dtype.F32, 0)) {
            List<double[]> found = found(model, config, List.of(same.batch(all(same), 0)), 1);
            assertEquals(0, found.get(0)[0]);
            found.stream().flatMapToDouble(Arrays::stream).forEach(value -> assertEquals(0, value));
        }
    }

    /** As float16 asks for: it is taken out of the gradients where these are stepped. */
    @Test
    void aLossScaleMultipliesTheGradientsAlone() throws IOException {
        TrainConfig config = config().build();
        MatchLoss loss = new MatchLoss(SCALE);
        List<List<double[]>> found = new ArrayList<>();
        try (NativeScope scope = new NativeScope();
                Model model = TinyMatches.model(directory, Dtype.F64, 0);
                Trainable trainable = Trainable.create(model, null, config)) {
            for (double lossScale : new double[] {1, 1024}) {
                double mean =
                        new MatchGradients(model, trainable.gradients(), loss, lossScale).backward(cut(2), i -> i);
                List<double[]> some = new ArrayList<>(List.of(new double[] {mean}));
                gradients(model, trainable)
                        .forEach(gradient -> some.add(
                                Arrays.stream(gradient).map(g -> g / lossScale).toArray()));
                found.add(some);
            }
        }
        assertClose(found.get(0), found.get(1), 1e-12);
    }

    @Test
    void batchesThatDoNotSayWhatBelongsTogetherAreRefused() throws IOException {
        TrainConfig config = config().build();
        try (Model model = TinyMatches.model(directory, Dtype.F32, 0)) {
            List<MiniBatch> batches = List.of(ROWS.texts().batch(new int[] {0, 1}, 0));
            assertTrue(assertThrows(ConfigException.class, () -> found(model, config, batches, 1))
                    .getMessage()
                    .contains("batches of a MatchDataset"));
        }
    }

    @Test
    void leavesNothingBehind() throws IOException {
        TrainConfig config = config().build();
        List<MiniBatch> batches = cut(2);
        try (Threads two = Threads.of(2);
                Model model = TinyMatches.model(directory, Dtype.F32, 0.1);
                Trainable trainable = Trainable.create(model, null, config)) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 20);
            for (int step = 0; step < 3; step++) {
                trainer.step(batches, step);
            }
            long before = NativeScope.liveObjects();
            for (int step = 3; step < 8; step++) {
                trainer.step(batches, step);
            }
            // fewer where what other tests have left is collected meanwhile
            long after = NativeScope.liveObjects();
            assertTrue(after <= before, before + " → " + after);
        }
    }
}
