package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Advantages;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.JudgedDataset;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.PreferenceLoss.Kind;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** Losses of batches that are half padding, which a decoder reads without it, against those of rows that are read one by one. */
class SparedPaddingTrainingTest {
    private static final int ROWS = 8;
    private static final int VOCABULARY = 40;

    private static Model model() {
        return LlamaModel.random(LlamaConfig.of(VOCABULARY, 64, 2, 4, 2, 96, 128), DeviceSpec.CPU, Dtype.F64, 3);
    }

    /** Of 60 tokens and of 4 to 11 in turn. */
    private static List<int[]> ids() {
        SplittableRandom random = new SplittableRandom(1);
        return IntStream.range(0, ROWS)
                .mapToObj(row ->
                        random.ints(row % 2 == 0 ? 60 : 4 + row, 0, VOCABULARY).toArray())
                .toList();
    }

    private static double[] some(int count) {
        return IntStream.range(0, count).mapToDouble(i -> -3 - Math.sin(i)).toArray();
    }

    private static Examples examples(String kind) {
        List<int[]> ids = ids();
        return switch (kind) {
            case "texts" -> Dataset.causalLmIds(ids);
            case "kto" -> {
                List<int[]> prompts =
                        ids.stream().map(row -> new int[] {row[0], row[1]}).toList();
                boolean[] good = new boolean[ROWS];
                Arrays.fill(good, 0, ROWS / 2, true);
                JudgedDataset judged = JudgedDataset.ofIds(prompts, ids, good, 64);
                yield judged.withReference(some(judged.compared().size()));
            }
            default -> new PreferenceDataset(Dataset.causalLmIds(ids)).withReference(some(ROWS));
        };
    }

    private static MiniBatch batch(String kind) throws IOException {
        if (kind.equals("grpo")) {
            List<long[]> answers = ids().stream()
                    .map(row -> Arrays.stream(row).asLongStream().toArray())
                    .toList();
            return Batch.ofAnswers(
                    answers.stream().map(row -> new long[] {row[1], 7}).toList(),
                    answers,
                    new Advantages(
                            some(ROWS),
                            answers.stream().map(row -> some(row.length)).toArray(double[][]::new)),
                    0);
        }
        Examples all = examples(kind);
        return all.trainingBatch(IntStream.range(0, all.size()).toArray(), 0, 1, 0);
    }

    private static TrainConfig config(String kind, boolean again) {
        Kind loss =
                List.of("texts", "grpo").contains(kind) ? Kind.SIGMOID : Kind.valueOf(kind.toUpperCase(Locale.ROOT));
        return TrainConfig.builder(Method.LORA)
                .gradientCheckpointing(again)
                .loss(settings ->
                        settings.withPreferences(PreferenceLoss.of(loss)).withRewards(GrpoLoss.USUAL.withBeta(0.3)))
                .build();
    }

    /** States of each row by itself, with zeros behind. */
    private static Tensor rowByRow(Decoder model, TokenInput padded) {
        if (padded.attentionMask() == null) {
            return model.hiddenStates(padded);
        }
        long[] lengths = Tensors.toLongs(padded.attentionMask().sum(1));
        TensorVector rows = new TensorVector(lengths.length);
        for (int row = 0; row < lengths.length; row++) {
            Tensor own = padded.inputIds().narrow(0, row, 1).narrow(1, 0, lengths[row]);
            rows.put(row, model.hiddenStates(new TokenInput(own, null)).squeeze(0));
        }
        return torch.pad_sequence(rows, true, 0.0, "right");
    }

    private static Model oneByOne(Model model) {
        return (Model) Proxy.newProxyInstance(
                Model.class.getClassLoader(), new Class<?>[] {Model.class, Decoder.class}, (proxy, method, given) -> {
                    try {
                        return method.getName().equals("hiddenStates")
                                ? rowByRow((Decoder) model, (TokenInput) given[0])
                                : method.invoke(model, given);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** The loss and all gradients. */
    private static List<double[]> found(int threads, boolean oneByOne, String kind, double dropout, boolean again)
            throws IOException {
        LoraConfig lora = new LoraConfig(4, 8, dropout, TargetModules.allLinear(), null, false, List.of());
        TrainConfig config = config(kind, again);
        try (Threads some = Threads.of(threads);
                Model model = model();
                Trainable trainable = Trainable.create(model, lora, config);
                NativeScope scope = new NativeScope()) {
            trainable.setTraining(true);
            trainable
                    .adapter()
                    .layers()
                    .values()
                    .forEach(layer -> layer.loraB().detach().fill_(new Scalar(0.01)));
            Model read = oneByOne ? oneByOne(model) : model;
            List<double[]> all = new ArrayList<>();
            all.add(new double[] {new Trainer(read, trainable, config, 10).findGradients(List.of(batch(kind)), 3)});
            trainable.adapter().layers().values().forEach(layer -> {
                all.add(Tensors.toDoubles(layer.loraA().grad()));
                all.add(Tensors.toDoubles(layer.loraB().grad()));
            });
            return all;
        }
    }

    private static void assertClose(List<double[]> expected, List<double[]> actual) {
        double largest = expected.stream()
                .flatMapToDouble(Arrays::stream)
                .map(Math::abs)
                .max()
                .orElseThrow();
        assertTrue(largest > 1e-4, "there are gradients: " + largest);
        for (int i = 0; i < expected.size(); i++) {
            assertArrayEquals(expected.get(i), actual.get(i), 1e-12 * largest, "tensor " + i);
        }
    }

    /** Else the tests below would say nothing. */
    @ParameterizedTest
    @CsvSource({"texts", "sigmoid", "kto", "grpo"})
    void paddingIsSpared(String kind) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = model()) {
            Tensor states =
                    model.hiddenStates(BatchTensors.of(batch(kind), model).input());
            Tensor behind = states.select(0, 1).narrow(0, 20, 30);
            assertEquals(0, behind.abs().sum().item_double());
        }
    }

    @ParameterizedTest
    @CsvSource({"texts", "sigmoid", "ipo", "simpo", "orpo", "kto", "grpo"})
    void lossesAndGradientsAreThoseOfRowsOneByOne(String kind) throws IOException {
        List<double[]> expected = found(1, true, kind, 0, false);
        for (int threads = 1; threads <= 3; threads++) {
            assertClose(expected, found(threads, false, kind, 0, false));
        }
        assertClose(expected, found(2, false, kind, 0, true));
    }

    /** What is drawn is another number for each token, and the same one each time. */
    @Test
    void whatIsDroppedIsAFunctionOfTheSeed() throws IOException {
        for (int threads = 1; threads <= 2; threads++) {
            List<double[]> once = found(threads, false, "kto", 0.3, false);
            for (boolean again : new boolean[] {false, true}) {
                List<double[]> other = found(threads, false, "kto", 0.3, again);
                for (int i = 0; i < once.size(); i++) {
                    assertArrayEquals(once.get(i), other.get(i), "tensor " + i);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"texts", "sigmoid", "kto"})
    void evaluationsTellTheSame(String kind) throws IOException {
        PreferenceLoss loss = config(kind, false).loss().preferences();
        try (Model model = model()) {
            double expected = new Evaluator(oneByOne(model), 0, ROWS, loss)
                    .evaluate(examples(kind))
                    .loss();
            for (int threads = 1; threads <= 2; threads++) {
                try (Threads some = Threads.of(threads)) {
                    Evaluator evaluator = new Evaluator(model, 0, ROWS, loss);
                    assertEquals(expected, evaluator.evaluate(examples(kind)).loss(), 1e-12 * Math.abs(expected));
                }
            }
        }
    }
}
