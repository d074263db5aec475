package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Losses;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.SourceTargetInput;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** T5, mT5 and what has the shape of BART against Transformers: texts padded on either side, one alone, a long one, and what is written token by token. */
class EncoderDecoderParityTest {
    private static final double LOGITS = 2e-5;
    private static final double LOSS = 1e-5;
    private static final double GRADIENT = 5e-5;

    @ParameterizedTest
    @ValueSource(strings = {"t5", "t5_gated", "mt5", "bart", "mbart", "m2m_100", "pegasus"})
    void logitsLossAndGradientsAreThoseOfTransformers(String name) throws IOException {
        for (Dtype dtype : new Dtype[] {Dtype.F32, Dtype.F64}) {
            try (NativeScope scope = new NativeScope();
                    Fixture fixture = Fixture.open(name);
                    EncoderDecoder model = open(fixture, dtype)) {
                model.weights().trainable().values().forEach(weight -> weight.set_requires_grad(true));
                Tensor labels = labels(fixture);
                SourceTargetInput input = input(fixture, fixture.input());
                Tensor logits = model.logits(input);
                Fixture.assertClose(fixture.expected("base.logits"), told(logits), null, LOGITS);
                Fixture.assertClose(
                        fixture.expected("base.encoder_states"),
                        model.encode(fixture.input()),
                        fixture.input().attentionMask(),
                        LOGITS);
                Tensor loss = Losses.causalLm(logits, labels);
                assertEquals(Fixture.scalar(fixture.expected("base.loss")), Fixture.scalar(loss), LOSS);
                loss.backward();
                fixture.assertGradients(model, "base.grad.", GRADIENT);
            }
        }
    }

    /** The gradients of all weights, with some positions of the vocabulary at a time, and each block computed once more. */
    @ParameterizedTest
    @ValueSource(strings = {"t5", "t5_gated", "mt5", "bart", "mbart", "m2m_100", "pegasus"})
    void theLossInPartsAndRecomputedBlocksHaveTheSameGradients(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                EncoderDecoder model = open(fixture, null)) {
            model.weights().trainable().values().forEach(weight -> weight.set_requires_grad(true));
            model.setGradientCheckpointing(true);
            Tensor labels = labels(fixture);
            long targets = labels.ne(new Scalar(Losses.IGNORED)).sum().item_long();
            double sum = LanguageModelLoss.ofRows(model, 4)
                    .backward(input(fixture, fixture.input()), labels, 1.0 / targets, 0);
            assertEquals(Fixture.scalar(fixture.expected("base.loss")), sum / targets, LOSS);
            fixture.assertGradients(model, "base.grad.", GRADIENT);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"t5", "t5_gated", "mt5", "bart", "mbart", "m2m_100", "pegasus"})
    void theSideOfPaddingDoesNotMatterAndLongTextsReachEveryDistance(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Fixture fixture = Fixture.open(name);
                EncoderDecoder model = open(fixture, null)) {
            TokenInput left =
                    new TokenInput(fixture.expected("left.input_ids"), fixture.expected("left.attention_mask"));
            // those of Transformers count columns where they are learnt, of the padding too
            Tensor expected = fixture.expected(fixture.hasExpected("left.logits") ? "left.logits" : "base.logits");
            Fixture.assertClose(expected, told(model.logits(input(fixture, left))), null, LOGITS);
            Tensor padded = left.attentionMask().eq(new Scalar(0));
            TokenInput filled =
                    new TokenInput(left.inputIds().masked_fill(padded, new Scalar(47)), left.attentionMask());
            Fixture.assertClose(expected, told(model.logits(input(fixture, filled))), null, LOGITS);
            SourceTargetInput alone = new SourceTargetInput(
                    new TokenInput(fixture.input().inputIds().narrow(0, 2, 1).narrow(1, 0, 7), null),
                    written(fixture).narrow(0, 2, 1).narrow(1, 0, 4));
            Fixture.assertClose(fixture.expected("base.logits_row2_alone"), model.logits(alone), null, LOGITS);
            SourceTargetInput far = new SourceTargetInput(
                    new TokenInput(fixture.expected("long.input_ids"), null),
                    fixture.expected("long.decoder_input_ids"));
            long last = far.targetIds().size(1) - 12;
            Fixture.assertClose(
                    fixture.expected("long.logits"), model.logits(far).narrow(1, last, 12), null, LOGITS);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"t5", "t5_gated", "mt5", "bart", "mbart", "m2m_100", "pegasus"})
    void bfloat16IsAsNearAsItsRoundingAllows(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Fixture fixture = Fixture.open(name);
                EncoderDecoder model = open(fixture, Dtype.BF16)) {
            Tensor exact = fixture.expected("base.logits");
            double theirs = distance(exact, fixture.expected("bf16.logits"));
            double ours = distance(exact, told(model.logits(input(fixture, fixture.input()))));
            assertTrue(ours < 1.5 * theirs, "ours is off by " + ours + ", Transformers' by " + theirs);
        }
    }

    /** With a cache, several tokens at once and one by one, and without one. */
    @ParameterizedTest
    @ValueSource(strings = {"t5", "t5_gated", "mt5", "bart", "mbart", "m2m_100", "pegasus"})
    void greedyTokensAreThoseOfTransformersWithACacheAndWithout(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Fixture fixture = Fixture.open(name);
                EncoderDecoder model = open(fixture, null)) {
            Tensor expected = fixture.expected("greedy.ids");
            for (boolean cached : new boolean[] {false, true}) {
                for (String side : new String[] {"", "left."}) {
                    TokenInput source = side.isEmpty()
                            ? fixture.input()
                            : new TokenInput(
                                    fixture.expected("left.input_ids"), fixture.expected("left.attention_mask"));
                    assertArrayEquals(
                            Tensors.toLongs(expected),
                            Tensors.toLongs(cached ? withCache(model, source) : withoutCache(model, source)),
                            side + cached);
                }
            }
        }
    }

    private static Tensor withoutCache(EncoderDecoder model, TokenInput source) {
        Tensor ids = begun(model);
        for (int i = 0; i < 24; i++) {
            Tensor logits = model.logits(new SourceTargetInput(source, ids));
            ids = behind(ids, logits.select(1, i));
        }
        return ids.narrow(1, 1, 24).contiguous();
    }

    private static Tensor withCache(EncoderDecoder model, TokenInput source) {
        try (KeyValueCache cache = new KeyValueCache()) {
            model.read(source, cache);
            assertEquals(0, cache.length());
            Tensor ids = begun(model);
            for (int i = 0; i < 24; i++) {
                // now and then what was written is read anew, many tokens at once
                if (i == 9) {
                    cache.clear();
                    model.read(source, cache);
                }
                long past = cache.length();
                ids = behind(ids, model.nextLogits(ids.narrow(1, past, i + 1 - past), null, cache));
            }
            assertEquals(24, cache.length());
            return ids.narrow(1, 1, 24).contiguous();
        }
    }

    private static Tensor begun(EncoderDecoder model) {
        long first = model.startId();
        return Tensors.of(new long[] {first, first, first}, 3, 1);
    }

    private static Tensor behind(Tensor ids, Tensor logits) {
        TensorVector both = new TensorVector(2);
        both.put(0, ids);
        both.put(1, logits.argmax(new LongOptional(-1), true));
        return torch.cat(both, 1);
    }

    /** The same model in full precision, with the rounded numbers written over its own, is the reference. */
    @ParameterizedTest
    @ValueSource(strings = {"t5", "t5_gated", "mt5", "bart", "mbart", "m2m_100", "pegasus"})
    void inFewerBitsItComputesWithTheRoundedNumbers(String name) throws IOException {
        for (LoadIn loadIn : new LoadIn[] {LoadIn.INT8, LoadIn.NF4}) {
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false);
                    Fixture fixture = Fixture.open(name);
                    EncoderDecoder dense = open(fixture, null);
                    EncoderDecoder few = (EncoderDecoder) Models.open(
                            fixture.directory(),
                            ModelOptions.of(Task.SEQ2SEQ_LM).withLoadIn(loadIn))) {
                few.weights()
                        .quantized()
                        .forEach((weight, matrix) -> dense.weights().get(weight).copy_(matrix.dense()));
                long matrices = dense.weights().asMap().values().stream()
                        .filter(tensor -> tensor.dim() == 2)
                        .count();
                assertTrue(few.weights().quantized().size() > 0.5 * matrices);
                SourceTargetInput input = input(fixture, fixture.input());
                Tensor expected = dense.logits(input);
                double off = distance(expected, few.logits(input));
                assertTrue(off < 1e-5 * expected.norm().item_double(), loadIn + " is off by " + off);
            }
        }
    }

    /** Each kind of matrix has the spread that Transformers gives it. */
    @ParameterizedTest
    @ValueSource(strings = {"t5", "t5_gated", "mt5"})
    void newWeightsFollowTheSeedAndAreSpreadAsInTransformers(String name) throws IOException {
        ModelOptions options = ModelOptions.of(Task.SEQ2SEQ_LM);
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                EncoderDecoder one = (EncoderDecoder) Models.initialise(fixture.directory(), options.withSeed(1));
                EncoderDecoder same = (EncoderDecoder) Models.initialise(fixture.directory(), options.withSeed(1));
                EncoderDecoder other = (EncoderDecoder) Models.initialise(fixture.directory(), options.withSeed(2))) {
            SourceTargetInput input = input(fixture, fixture.input());
            double[] logits = Tensors.toDoubles(one.logits(input));
            assertArrayEquals(logits, Tensors.toDoubles(same.logits(input)));
            assertFalse(Arrays.equals(logits, Tensors.toDoubles(other.logits(input))));
            one.setTraining(true);
            assertFalse(Arrays.equals(logits, Tensors.toDoubles(one.logits(input))));
            double hidden = one.description().hiddenSize();
            long width =
                    one.linears().get("encoder.block.0.layer.0.SelfAttention.q").outFeatures();
            double headDim = width / (name.equals("mt5") ? 3.0 : 4.0);
            Map<String, Double> spreads = new TreeMap<>(Map.of(
                    "shared", 1.0,
                    "decoder.block.1.layer.1.EncDecAttention.q", 1 / Math.sqrt(hidden * headDim),
                    "encoder.block.0.layer.0.SelfAttention.v", 1 / Math.sqrt(hidden),
                    "encoder.block.0.layer.0.SelfAttention.o", 1 / Math.sqrt(width)));
            spreads.forEach((module, spread) -> assertEquals(
                    spread, one.weights().get(module + ".weight").std(true).item_double(), 0.15 * spread, module));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"bart", "mbart", "m2m_100", "pegasus"})
    void newWeightsOfTheShapeOfBartFollowTheSeed(String name) throws IOException {
        ModelOptions options = ModelOptions.of(Task.SEQ2SEQ_LM);
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                EncoderDecoder one = (EncoderDecoder) Models.initialise(fixture.directory(), options.withSeed(1));
                EncoderDecoder same = (EncoderDecoder) Models.initialise(fixture.directory(), options.withSeed(1))) {
            SourceTargetInput input = input(fixture, fixture.input());
            double[] logits = Tensors.toDoubles(one.logits(input));
            assertArrayEquals(logits, Tensors.toDoubles(same.logits(input)));
            one.setTraining(true);
            assertFalse(Arrays.equals(logits, Tensors.toDoubles(one.logits(input))));
            for (String module : new String[] {"model.shared", "model.decoder.layers.1.encoder_attn.q_proj"}) {
                assertEquals(
                        0.02, one.weights().get(module + ".weight").std(true).item_double(), 0.004, module);
            }
        }
    }

    private static EncoderDecoder open(Fixture fixture, Dtype dtype) throws IOException {
        assertEquals(Task.SEQ2SEQ_LM, Models.defaultTask(fixture.directory()));
        return (EncoderDecoder) Models.open(
                fixture.directory(), ModelOptions.of(Task.SEQ2SEQ_LM).withDtype(dtype));
    }

    /** What is written, behind the token that writing begins with. */
    private static Tensor written(Fixture fixture) throws IOException {
        Tensor labels = fixture.read("labels");
        Tensor ids = labels.masked_fill(labels.eq(new Scalar(Losses.IGNORED)), new Scalar(0));
        TensorVector both = new TensorVector(2);
        both.put(0, fixture.read("decoder_input_ids"));
        both.put(1, ids.narrow(1, ids.size(1) - 1, 1));
        return torch.cat(both, 1);
    }

    private static Tensor labels(Fixture fixture) throws IOException {
        return behindFirst(fixture.read("labels"), Losses.IGNORED);
    }

    private static Tensor behindFirst(Tensor values, long first) {
        TensorVector both = new TensorVector(2);
        both.put(0, torch.full_like(values.narrow(1, 0, 1), new Scalar(first)));
        both.put(1, values);
        return torch.cat(both, 1);
    }

    private static SourceTargetInput input(Fixture fixture, TokenInput source) throws IOException {
        return new SourceTargetInput(source, written(fixture));
    }

    /** Without those behind the last token, of which Transformers tells nothing. */
    private static Tensor told(Tensor logits) {
        return logits.narrow(1, 0, logits.size(1) - 1);
    }

    private static double distance(Tensor exact, Tensor actual) {
        return actual.to(Dtype.F64.scalarType())
                .sub(exact.to(Dtype.F64.scalarType()))
                .norm()
                .item_double();
    }
}
