package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Numbers at the ends of what a length, a block or a type holds. */
class NumberEdgesTest {
    private static final double EPS = 1e-6;

    /** One and a weight of Gemma is more than a half type holds. Few numbers, and in strips. */
    @ParameterizedTest
    @CsvSource({"Half, 3", "Half, 200", "BFloat16, 3", "BFloat16, 200"})
    void aWeightStoredLessOneIsWidenedBeforeItIsWhole(String type, long rows) {
        torch.ScalarType half = torch.ScalarType.valueOf(type);
        torch.manual_seed(3);
        try (NativeScope scope = new NativeScope()) {
            Tensor weight = torch.randn(512).mul(new Scalar(0.01)).to(half);
            Tensor x = torch.randn(rows, 512).to(half);
            Tensor whole = weight.to(torch.ScalarType.Float).add(new Scalar(1.0));
            Tensor expected = torch.rms_norm(
                            x.to(torch.ScalarType.Float),
                            new long[] {512},
                            new TensorOptional(whole),
                            new DoubleOptional(EPS))
                    .to(half);
            Tensor actual = new RmsNorm("norm", weight, EPS, true).forward(x);
            Tensor differ = actual.ne(expected).to(torch.ScalarType.Double).mean();
            assertTrue(differ.item_double() < 0.01, differ.item_double() + " of all numbers differ");
        }
    }

    private static Tensor exponents(long dim) {
        return torch.arange(new Scalar(0), new Scalar(dim), new Scalar(2), Tensors.options(Dtype.F64, DeviceSpec.CPU))
                .div(new Scalar((double) dim));
    }

    /** A text as long as those of pretraining has the short factors, one token more the long ones. */
    @Test
    void theLongFactorsBeginBehindTheLengthOfPretraining() {
        RopeScaling.LongRope scaling = new RopeScaling.LongRope(List.of(1.0, 1.0), List.of(2.0, 4.0), 16, 1);
        assertEquals(scaling.variant(1), scaling.variant(16));
        assertEquals(1, scaling.variant(17) - scaling.variant(16));
        try (NativeScope scope = new NativeScope()) {
            assertArrayEquals(
                    new double[] {1, 0.1}, Tensors.toDoubles(scaling.frequencies(exponents(4), 100, 16)), 1e-12);
            assertArrayEquals(
                    new double[] {0.5, 0.025}, Tensors.toDoubles(scaling.frequencies(exponents(4), 100, 17)), 1e-12);
        }
    }

    /** The ramp goes on to 7 in a head of 8, whose last pair is 3, as it does in Transformers. */
    @Test
    void theRampOfYarnMayEndBehindTheLastPair() {
        double base = 100;
        // turns 2^20 times in the first pair, and more than once in the last one
        RopeScaling.Yarn yarn = new RopeScaling.Yarn(4, 1, 1 << 20, 1, 1 << 24, true);
        double[] expected = new double[4];
        for (int i = 0; i < 4; i++) {
            double plain = Math.pow(base, -2.0 * i / 8);
            expected[i] = plain * (1 - i / 7.0) + plain / 4 * i / 7;
        }
        try (NativeScope scope = new NativeScope()) {
            assertArrayEquals(expected, Tensors.toDoubles(yarn.frequencies(exponents(8), base, 1)), 1e-12);
        }
    }

    /** Those that turn are slower by the factor, and the others stand still. */
    @Test
    void aProportionalRotationIsSlowerByItsFactor() {
        try (NativeScope scope = new NativeScope()) {
            assertArrayEquals(
                    new double[] {0.25, 0.025, 0, 0},
                    Tensors.toDoubles(new RopeScaling.Proportional(2, 4).frequencies(exponents(8), 10_000, 1)),
                    1e-12);
        }
    }

    /** The first position behind pretraining's last has the first greater query. */
    @Test
    void queriesGrowFromTheFirstPositionBehindPretraining() {
        RopeScaling.GrowingQueries growing = new RopeScaling.GrowingQueries(new RopeScaling.None(), 0.1, 4);
        assertFalse(growing.scalesQueries(4));
        assertTrue(growing.scalesQueries(5));
        try (NativeScope scope = new NativeScope()) {
            double[] scales = Tensors.toDoubles(growing.queryScale(Tensors.of(new long[] {0, 3, 4, 7, 8}, 5)));
            double second = 1 + 0.1 * Math.log(2);
            assertArrayEquals(new double[] {1, 1, second, second, 1 + 0.1 * Math.log(3)}, scales, 1e-12);
        }
    }

    /** Llama 4 counts positions from one, and turns nothing there. */
    @Test
    void queriesOfHeadsThatAreNotTurnedGrowOneTokenEarlier() {
        RopeScaling.GrowingQueries growing = RopeScaling.GrowingQueries.unturned(0.1, 4);
        assertFalse(growing.turns());
        assertFalse(growing.scalesQueries(3));
        assertTrue(growing.scalesQueries(4));
        try (NativeScope scope = new NativeScope()) {
            double[] scales = Tensors.toDoubles(growing.queryScale(Tensors.of(new long[] {0, 2, 3, 6, 7}, 5)));
            double second = 1 + 0.1 * Math.log(2);
            assertArrayEquals(new double[] {1, 1, second, second, 1 + 0.1 * Math.log(3)}, scales, 1e-12);
        }
        assertThrows(ConfigException.class, () -> RopeScaling.GrowingQueries.unturned(0.1, 0));
        assertThrows(ConfigException.class, () -> RopeScaling.GrowingQueries.unturned(-0.1, 4));
    }

    /** Scout's factors are one: nothing is mixed. */
    @Test
    void theFactorsOfLlama3MayBeOne() {
        try (NativeScope scope = new NativeScope()) {
            double[] plain = Tensors.toDoubles(new RopeScaling.None().frequencies(exponents(8), 10_000, 1));
            double[] scaled =
                    Tensors.toDoubles(new RopeScaling.Llama3(16, 1, 1, 16).frequencies(exponents(8), 10_000, 1));
            assertArrayEquals(new double[] {plain[0], plain[1] / 16, plain[2] / 16, plain[3] / 16}, scaled, 1e-12);
        }
        assertThrows(ConfigException.class, () -> new RopeScaling.Llama3(16, 2, 1, 16));
    }

    /** Columns from within a block of 32 to within another one. */
    @Test
    void columnsOfMxfp4MayBeginWithinABlock() {
        long[] blocks = new long[2 * 3 * 16];
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = (37 * i + 11) & 255;
        }
        try (NativeScope scope = new NativeScope();
                Mxfp4Weight weight = Mxfp4Weight.of(
                        Tensors.of(blocks, 2, 3, 16).to(Dtype.U8.scalarType()),
                        Tensors.of(new long[] {127, 128, 126, 130, 127, 125}, 2, 3)
                                .to(Dtype.U8.scalarType()),
                        Dtype.F32)) {
            Tensor dense = weight.dense();
            for (long[] some : new long[][] {{5, 10}, {31, 2}, {40, 50}, {95, 1}}) {
                assertTrue(
                        Tensors.bitEqual(
                                dense.narrow(1, some[0], some[1]).contiguous(),
                                weight.columns(some[0], some[1]).contiguous()),
                        some[0] + " and " + some[1] + " further ones");
            }
        }
    }

    /** sentence-transformers' MultipleNegativesRankingLoss multiplies cosines by 20. */
    @Test
    void similaritiesAreScaledAsInSentenceTransformers() {
        assertEquals(20, MatchLoss.USUAL.scale());
        assertEquals(List.of(), MatchLoss.USUAL.lengths());
    }

    /** An answer that was cut away has a mean of nothing, and no pair is lost by it. */
    @ParameterizedTest
    @EnumSource(
            value = PreferenceLoss.Kind.class,
            names = {"IPO", "SIMPO", "ORPO"})
    void anAnswerWithoutTokensHasAFiniteReward(PreferenceLoss.Kind kind) {
        PreferenceLoss loss = PreferenceLoss.of(kind);
        LanguageModelLoss.Rows rows = new LanguageModelLoss.Rows(new double[] {-3, 0}, new int[] {2, 0});
        double[] rewards = loss.rewards(rows, kind.hasReference() ? new double[] {-2, 0} : new double[0]);
        assertTrue(Double.isFinite(rewards[0]) && Double.isFinite(rewards[1]), rewards[0] + " and " + rewards[1]);
        assertTrue(Double.isFinite(loss.sum(rows, rewards, 0)));
    }

    /** Also beside blocks with numbers, by whose constants those of a block of zeros are rounded. */
    @Test
    void aBlockOfZerosIsZeroInFourBits() {
        double[] values = new double[2 * 192];
        for (int i = 0; i < values.length; i++) {
            values[i] = i / 64 % 3 == 1 ? 0 : Math.sin(i + 1);
        }
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight = QuantizedWeight.of(
                        LoadIn.NF4, Tensors.of(values, 2, 192).to(Dtype.F32.scalarType()), Dtype.F32, false)) {
            assertArrayEquals(
                    new double[2 * 64],
                    Tensors.toDoubles(
                            weight.dense().narrow(1, 64, 64).contiguous().to(Dtype.F64.scalarType())),
                    0.0);
        }
    }

    /** Transformers widens the router's logits before the shares of the experts, and rounds none of these. */
    @Test
    void sharesOfExpertsOfAHalfTypeAreInFloat32() {
        torch.manual_seed(5);
        try (NativeScope scope = new NativeScope()) {
            Tensor weight = torch.randn(8, 16).to(torch.ScalarType.BFloat16);
            Tensor tokens = torch.randn(32, 16).to(torch.ScalarType.BFloat16);
            Linear router = new Linear("router", weight, null);
            Routing.Choice choice = new Routing.Softmax(false).choose(router, tokens, 2);
            Tensor expected = router.forward(tokens)
                    .to(torch.ScalarType.Float)
                    .softmax(-1)
                    .gather(1, choice.experts());
            assertEquals(Dtype.F32, Dtype.of(choice.weights()));
            assertEquals(0, choice.weights().sub(expected).abs().max().item_double(), 1e-7);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "gelu, GELU",
        "gelu_new, GELU_TANH",
        "gelu_fast, GELU_TANH",
        "gelu_pytorch_tanh, GELU_TANH",
        "relu, RELU",
        "silu, SILU",
        "swish, SILU",
        "tanh, TANH"
    })
    void activationsHaveTheNamesOfTransformers(String name, Activation activation) {
        assertEquals(activation, Activation.parse("hidden_act", name));
    }
}
