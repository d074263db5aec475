package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.nn.CausalDecoder.LayerKind;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Windows of a decoder some queries at a time, against all scores with those out of reach hidden. */
class SlidingWindowTest {
    private static final int HEADS = 4;
    private static final int WIDTH = 8;
    private static final double SCALE = 0.4;

    /** The kinds of attention that windows meet. */
    enum Way {
        PLAIN,
        BOUNDED,
        SINKS;

        Sight.Biases biases(Dtype dtype) {
            return new Sight.Biases(dtype, this == BOUNDED, this == SINKS);
        }

        Tensor attend(Sight sight, Tensor q, Tensor k, Tensor v) {
            return switch (this) {
                case PLAIN -> sight.attend(q, k, v, 0, SCALE);
                case BOUNDED -> sight.attendUnfused(q, k, v, (a, b, c, bias, causal) -> all(a, b, c, bias));
                case SINKS -> sight.attendFused(q, k, v, (a, b, c, bias, causal) -> sinks(a, b, c, bias, causal));
            };
        }

        /** Of all keys at once, each bias without a column for the sink. */
        Tensor all(Tensor q, Tensor k, Tensor v, @Nullable Tensor bias) {
            return switch (this) {
                case PLAIN -> Attention.attendUnfused(q, k, v, bias, 0, SCALE, 0);
                case BOUNDED -> Attention.attendUnfused(q, k, v, bias, 0, SCALE, 2);
                case SINKS -> sinks(q, k, v, bias == null ? null : AttentionSinks.besideKeys(bias), false);
            };
        }

        private static Tensor sinks(Tensor q, Tensor k, Tensor v, @Nullable Tensor bias, boolean causal) {
            Tensor logits = torch.arange(new Scalar(q.size(2)), q.options());
            return new AttentionSinks(logits).attend(q, k, v, bias, causal, 0, SCALE);
        }
    }

    private static LayerKind window(long tokens) {
        return new LayerKind(null, tokens, true);
    }

    private static LayerKind chunks(long tokens) {
        return new LayerKind(null, tokens, true, false, true);
    }

    private static Padding unpadded(long rows, long columns) {
        return Padding.of(new TokenInput(
                torch.ones(new long[] {rows, columns}, Tensors.options(Dtype.I64, DeviceSpec.CPU)), null));
    }

    private static Tensor[] heads(Dtype dtype, long rows, long columns) {
        Tensor[] heads = new Tensor[3];
        for (int i = 0; i < heads.length; i++) {
            long[] shape = {rows, columns, i == 0 ? HEADS : HEADS / 2, WIDTH};
            heads[i] = torch.randn(shape, Tensors.options(dtype, DeviceSpec.CPU));
            heads[i].set_requires_grad(true);
        }
        return heads;
    }

    private static void assertClose(Tensor expected, Tensor actual, String what) {
        double off = actual.sub(expected).abs().max().item_double();
        assertTrue(off < 1e-12, what + " is off by " + off);
    }

    /** Values and all gradients, in direction of random numbers. */
    private static void assertSame(Way way, Sight sight, Tensor[] heads, Tensor expected) {
        Tensor direction = torch.randn_like(expected);
        expected.mul(direction).sum().backward();
        List<Tensor> gradients = new ArrayList<>();
        for (Tensor each : heads) {
            gradients.add(each.grad().clone());
            each.mutable_grad().reset();
        }
        Tensor actual = way.attend(sight, heads[0], heads[1], heads[2]);
        assertClose(expected, actual, "attention");
        actual.mul(direction).sum().backward();
        for (int i = 0; i < heads.length; i++) {
            assertClose(gradients.get(i), heads[i].grad(), "gradient " + i);
        }
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            assertClose(expected, way.attend(sight, heads[0], heads[1], heads[2]), "attention without a gradient");
        }
    }

    /** In a lane those of 96 tokens and more are computed by our own attention. */
    @ParameterizedTest
    @CsvSource({"7, 3", "130, 1", "300, 64", "300, 65", "300, 299", "300, 300", "517, 40", "700, 512", "1100, 200"})
    void eachTokenSeesItsWindow(int columns, long window) {
        for (int lanes : new int[] {1, 2}) {
            Lanes.run(lanes, lane -> {
                for (Way way : lane == 0 ? Way.values() : new Way[0]) {
                    try (NativeScope scope = new NativeScope()) {
                        Padding padding = unpadded(2, columns);
                        Tensor[] heads = heads(Dtype.F64, 2, columns);
                        Tensor bias = padding.causalBias(columns, window, true, true, Dtype.F64);
                        Sight sight = Sight.of(window(window), padding, columns, way.biases(Dtype.F64), false);
                        assertSame(way, sight, heads, way.all(heads[0], heads[1], heads[2], bias));
                    }
                }
            });
        }
    }

    /** What is hidden of a row, where chunks are counted from its first token on. */
    private static Tensor biasOfChunks(long[] firsts, long queries, long columns, long chunk) {
        long[] hidden = new long[(int) (firsts.length * queries * columns)];
        int at = 0;
        for (long first : firsts) {
            for (long query = columns - queries; query < columns; query++) {
                for (long key = 0; key < columns; key++) {
                    boolean seen = key >= first && key <= query && (key - first) / chunk == (query - first) / chunk;
                    hidden[at++] = seen ? 0 : 1;
                }
            }
        }
        return Tensors.of(hidden, firsts.length, 1, queries, columns)
                .to(Dtype.F64.scalarType())
                .mul(new Scalar(-1e30));
    }

    @ParameterizedTest
    @CsvSource({"7, 3", "130, 1", "300, 64", "300, 150", "300, 299", "300, 300", "517, 130"})
    void eachTokenSeesItsChunk(int columns, long chunk) {
        for (int lanes : new int[] {1, 2}) {
            Lanes.run(lanes, lane -> {
                for (Way way : lane == 0 ? Way.values() : new Way[0]) {
                    try (NativeScope scope = new NativeScope()) {
                        Tensor[] heads = heads(Dtype.F64, 2, columns);
                        Tensor bias = biasOfChunks(new long[] {0}, columns, columns, chunk);
                        Sight sight =
                                Sight.of(chunks(chunk), unpadded(2, columns), columns, way.biases(Dtype.F64), false);
                        assertSame(way, sight, heads, way.all(heads[0], heads[1], heads[2], bias));
                    }
                }
            });
        }
    }

    /** A prompt read in parts, and a token behind it; rows that begin with padding, whose chunks begin elsewhere, too. */
    @ParameterizedTest
    @CsvSource({"1, 400", "30, 400", "300, 400", "400, 400", "1, 60", "1, 401", "2, 401"})
    void queriesBehindACacheSeeTheirChunk(int queries, int columns) {
        for (int first : new int[] {0, 17, columns / 2}) {
            for (Way way : Way.values()) {
                for (boolean generates : new boolean[] {true, false}) {
                    try (NativeScope scope = new NativeScope();
                            AutoGradMode frozen = new AutoGradMode(false)) {
                        Tensor mask = torch.ones(new long[] {2, columns}, Tensors.options(Dtype.I64, DeviceSpec.CPU));
                        if (first > 0) {
                            mask.select(0, 1).narrow(0, 0, first).zero_();
                        }
                        Padding padding = Padding.of(mask.narrow(1, columns - queries, queries), mask, columns);
                        Tensor[] heads = heads(Dtype.F64, 2, columns);
                        Tensor query = heads[0].narrow(1, columns - queries, queries);
                        Tensor bias = biasOfChunks(new long[] {0, first}, queries, columns, 50);
                        Tensor expected = way.all(query, heads[1], heads[2], bias);
                        Sight sight = Sight.of(chunks(50), padding, queries, way.biases(Dtype.F64), generates);
                        Tensor actual = way.attend(sight, query, heads[1], heads[2]);
                        Tensor tokens =
                                mask.narrow(1, columns - queries, queries).unsqueeze(-1);
                        assertClose(expected.mul(tokens), actual.mul(tokens), way + " of " + queries);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void packedTextsHaveWindowsOfTheirOwn(Way way) {
        long[] segments = {3, 310, 40, 150, 310, 1};
        int columns = (int) Arrays.stream(segments).sum();
        for (boolean bothSides : new boolean[] {false, true}) {
            try (NativeScope scope = new NativeScope()) {
                Tensor ids = torch.ones(new long[] {1, columns}, Tensors.options(Dtype.I64, DeviceSpec.CPU));
                Padding padding = Padding.of(new TokenInput(ids, null, null, segments));
                LayerKind kind = new LayerKind(null, 100, true, bothSides, false);
                Tensor[] heads = heads(Dtype.F64, 1, columns);
                List<Tensor> expected = new ArrayList<>();
                long start = 0;
                for (long length : segments) {
                    Tensor[] own = new Tensor[3];
                    for (int i = 0; i < own.length; i++) {
                        own[i] = heads[i].narrow(1, start, length);
                    }
                    Padding alone = unpadded(1, length);
                    Tensor bias = bothSides
                            ? alone.nearBias(0, length, 0, length, new Padding.Near(50, 50), Dtype.F64)
                            : alone.causalBias(length, 100, true, true, Dtype.F64);
                    expected.add(way.all(own[0], own[1], own[2], bias));
                    start += length;
                }
                Sight sight = Sight.of(kind, padding, columns, way.biases(Dtype.F64), false);
                if (!bothSides || way != Way.SINKS) {
                    Tensor whole = torch.cat(new TensorVector(expected.toArray(new Tensor[0])), 1);
                    assertSame(way, sight, heads, whole);
                }
            }
        }
    }

    /** A prompt read in parts, and a token behind it; rows that begin with padding, too. */
    @ParameterizedTest
    @CsvSource({"1, 400", "30, 400", "300, 400", "400, 400", "1, 60"})
    void queriesBehindACacheSeeTheirWindow(int queries, int columns) {
        for (boolean padded : new boolean[] {false, true}) {
            for (Way way : Way.values()) {
                try (NativeScope scope = new NativeScope();
                        AutoGradMode frozen = new AutoGradMode(false)) {
                    Tensor mask = torch.ones(new long[] {2, columns}, Tensors.options(Dtype.I64, DeviceSpec.CPU));
                    if (padded) {
                        mask.select(0, 1).narrow(0, 0, columns / 2).zero_();
                    }
                    Padding padding = Padding.of(mask.narrow(1, columns - queries, queries), mask, columns);
                    Tensor[] heads = heads(Dtype.F64, 2, columns);
                    Tensor query = heads[0].narrow(1, columns - queries, queries);
                    Tensor bias = padding.causalBias(queries, 50, true, true, Dtype.F64);
                    Tensor expected = way.all(query, heads[1], heads[2], bias);
                    Sight sight = Sight.of(window(50), padding, queries, way.biases(Dtype.F64), true);
                    Tensor actual = way.attend(sight, query, heads[1], heads[2]);
                    Tensor tokens = mask.narrow(1, columns - queries, queries).unsqueeze(-1);
                    assertClose(expected.mul(tokens), actual.mul(tokens), way + " of " + queries);
                }
            }
        }
    }

    /** What padding sees counts for the logits of a row's first token, and is what it was. */
    @Test
    void rowsThatBeginWithPaddingAreSeenWholeWhereAllLogitsCount() {
        try (NativeScope scope = new NativeScope()) {
            Tensor mask = torch.ones(new long[] {2, 300}, Tensors.options(Dtype.I64, DeviceSpec.CPU));
            mask.select(0, 0).narrow(0, 0, 170).zero_();
            Padding padding = Padding.of(new TokenInput(torch.ones_like(mask), mask));
            Tensor[] heads = heads(Dtype.F64, 2, 300);
            Sight sight = Sight.of(window(50), padding, 300, Way.PLAIN.biases(Dtype.F64), false);
            Tensor bias = padding.causalBias(300, 50, true, true, Dtype.F64);
            Tensor expected = Way.PLAIN.all(heads[0], heads[1], heads[2], bias);
            assertClose(expected, Way.PLAIN.attend(sight, heads[0], heads[1], heads[2]), "attention");
        }
    }

    @ParameterizedTest
    @CsvSource({"300, 40", "1200, 500"})
    void aHalfTypeIsNearFloat32(int columns, long window) {
        for (Way way : List.of(Way.PLAIN, Way.SINKS)) {
            Lanes.run(2, lane -> {
                try (NativeScope scope = new NativeScope()) {
                    Padding padding = unpadded(2, columns);
                    Tensor[] wide = heads(Dtype.F32, 2, columns);
                    Tensor[] half = new Tensor[3];
                    for (int i = 0; i < half.length; i++) {
                        half[i] = wide[i].detach().to(Dtype.BF16.scalarType());
                        half[i].set_requires_grad(true);
                    }
                    Sight sight = Sight.of(window(window), padding, columns, way.biases(Dtype.F32), false);
                    Tensor expected = way.attend(sight, wide[0], wide[1], wide[2]);
                    expected.square().sum().backward();
                    Tensor actual = way.attend(sight, half[0], half[1], half[2]);
                    assertEquals(Dtype.BF16, Dtype.of(actual));
                    actual.square().sum().backward();
                    for (int i = 0; i < half.length; i++) {
                        Tensor gradient = wide[i].grad();
                        double off = half[i].grad().sub(gradient).norm().item_double();
                        assertTrue(off < 0.02 * gradient.norm().item_double(), way + " is off by " + off);
                    }
                }
            });
        }
    }

    /** With eight times the tokens there are eight times as many scores, and not 64. */
    @Test
    void scoresGrowWithTheLength() {
        try (NativeScope scope = new NativeScope()) {
            assertEquals(8, scores(8192) / (double) scores(1024), 0.5);
        }
    }

    /** What the memory of a run is reckoned by. */
    @ParameterizedTest
    @CsvSource({
        "90, 100, false, false",
        "900, 100, false, false",
        "900, 700, false, false",
        "900, 0, false, false",
        "900, 100, true, false",
        "40, 100, true, false",
        "90, 100, false, true",
        "300, 100, false, true",
        "950, 100, false, true"
    })
    void theExtentIsWhatIsGoneThrough(long columns, long window, boolean bothSides, boolean inChunks) {
        try (NativeScope scope = new NativeScope()) {
            LayerKind kind = new LayerKind(null, window, true, bothSides, inChunks);
            assertEquals(Sight.extent(kind, columns).pairs(), scores(kind, columns));
        }
    }

    private static long scores(long columns) {
        return scores(window(128), columns);
    }

    private static long scores(LayerKind kind, long columns) {
        Sight sight = Sight.of(kind, unpadded(1, columns), columns, Way.PLAIN.biases(Dtype.F32), false);
        Tensor[] heads = heads(Dtype.F32, 1, columns);
        long[] scores = {0};
        sight.attendUnfused(heads[0], heads[1], heads[2], (q, k, v, bias, causal) -> {
            scores[0] += q.size(1) * k.size(1);
            return q.flatten(2, 3);
        });
        return scores[0];
    }
}
