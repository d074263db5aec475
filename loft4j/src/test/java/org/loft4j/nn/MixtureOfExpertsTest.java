package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** Against the sum over all experts of which all but the chosen have weight zero, in float64. */
class MixtureOfExpertsTest {
    private static final int EXPERTS = 5;
    private static final int HIDDEN = 6;
    private static final int WIDTH = 4;

    private final SplittableRandom random = new SplittableRandom(8);

    private Tensor matrix(long... shape) {
        long count = 1;
        for (long size : shape) {
            count *= size;
        }
        double[] values = new double[(int) count];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextDouble(-1, 1);
        }
        Tensor tensor = Tensors.of(values, shape);
        tensor.set_requires_grad(true);
        return tensor;
    }

    private MixtureOfExperts mixture(int chosen, boolean normalised) {
        List<FeedForward.Gated> experts = new ArrayList<>();
        for (int e = 0; e < EXPERTS; e++) {
            experts.add(new FeedForward.Gated(
                    new Linear("gate" + e, matrix(WIDTH, HIDDEN), null),
                    new Linear("up" + e, matrix(WIDTH, HIDDEN), null),
                    new Linear("down" + e, matrix(HIDDEN, WIDTH), null),
                    Activation.SILU));
        }
        return new MixtureOfExperts(
                new Linear("router", matrix(EXPERTS, HIDDEN), null),
                new Experts.Apart("experts", experts),
                chosen,
                normalised);
    }

    private static List<FeedForward> experts(MixtureOfExperts mixture) {
        return IntStream.range(0, EXPERTS).mapToObj(mixture.among().open()).toList();
    }

    private static Tensor naive(MixtureOfExperts mixture, Tensor x) {
        Tensor p = mixture.router().forward(x).softmax(-1);
        Tensor least = torch.topk(p, mixture.chosen(), -1, true, true).get0().amin(new long[] {-1}, true);
        Tensor w = p.mul(p.ge(least));
        if (((Routing.Softmax) mixture.routing()).normalised()) {
            w = w.div(w.sum(new long[] {-1}, true, new ScalarTypeOptional()));
        }
        Tensor sum = torch.zeros_like(x);
        for (int e = 0; e < EXPERTS; e++) {
            sum = sum.add(experts(mixture).get(e).forward(x).mul(w.narrow(-1, e, 1)));
        }
        return sum;
    }

    private static double[] gradient(Tensor leaf) {
        Tensor gradient = leaf.grad();
        double[] values = gradient.defined() ? Tensors.toDoubles(gradient) : new double[(int) leaf.numel()];
        leaf.mutable_grad().reset();
        return values;
    }

    @ParameterizedTest
    @CsvSource({"1, false", "2, true", "3, false", "5, true"})
    void valuesAndGradientsAreThoseOfTheWholeSum(int chosen, boolean normalised) {
        try (NativeScope scope = new NativeScope()) {
            MixtureOfExperts mixture = mixture(chosen, normalised);
            Tensor x = matrix(2, 7, HIDDEN);
            Tensor weights = matrix(2, 7, HIDDEN).detach();
            List<Tensor> leaves = new ArrayList<>(List.of(x));
            mixture.linears().forEach(linear -> leaves.add(linear.weight()));
            Tensor expected = naive(mixture, x);
            expected.mul(weights).sum().backward();
            List<double[]> gradients =
                    leaves.stream().map(MixtureOfExpertsTest::gradient).toList();
            Tensor actual = mixture.forward(x);
            actual.mul(weights).sum().backward();
            assertEquals(0, actual.sub(expected).abs().max().item_double(), 1e-13);
            for (int i = 0; i < leaves.size(); i++) {
                double[] found = gradient(leaves.get(i));
                for (int j = 0; j < found.length; j++) {
                    assertEquals(gradients.get(i)[j], found[j], 1e-12, "leaf " + i + " at " + j);
                }
            }
        }
    }

    /** Of a token at a time, in plain numbers: groups by their two best, and zero for the experts of the others. */
    private static Tensor naive(MixtureOfExperts mixture, Routing.Sigmoid routing, Tensor x) {
        Tensor scores = torch.sigmoid(mixture.router().forward(x));
        double[] bias = Tensors.toDoubles(routing.bias());
        double[] plain = Tensors.toDoubles(scores);
        int count = bias.length;
        int size = count / routing.groups();
        double[] mask = new double[plain.length];
        for (int start = 0; start < plain.length; start += count) {
            double[] choice = new double[count];
            double[] groups = new double[routing.groups()];
            for (int e = 0; e < count; e++) {
                choice[e] = plain[start + e] + bias[e];
            }
            for (int g = 0; g < groups.length; g++) {
                double[] own = Arrays.copyOfRange(choice, g * size, (g + 1) * size);
                Arrays.sort(own);
                groups[g] = own[size - 1] + own[size - 2];
            }
            List<Integer> best = largest(groups, routing.best());
            for (int e = 0; e < count; e++) {
                choice[e] = best.contains(e / size) ? choice[e] : 0;
            }
            for (int e : largest(choice, mixture.chosen())) {
                mask[start + e] = 1;
            }
        }
        Tensor w = scores.mul(Tensors.of(mask, x.size(0), x.size(1), count));
        if (routing.normalised()) {
            w = w.div(w.sum(new long[] {-1}, true, new ScalarTypeOptional()));
        }
        Tensor sum = mixture.shared() == null
                ? torch.zeros_like(x)
                : mixture.shared().forward(x);
        for (int e = 0; e < count; e++) {
            Tensor made = mixture.among().open().apply(e).forward(x);
            sum = sum.add(made.mul(w.narrow(-1, e, 1)).mul(new Scalar(routing.factor())));
        }
        return sum;
    }

    private static List<Integer> largest(double[] values, int count) {
        return IntStream.range(0, values.length)
                .boxed()
                .sorted((a, b) -> Double.compare(values[b], values[a]))
                .limit(count)
                .toList();
    }

    /** With biases far below zero the experts of other groups, which count as zero, are chosen, as in Transformers. */
    @ParameterizedTest
    @CsvSource({"1, 1, 3, true, 0", "4, 2, 3, true, 1", "4, 1, 2, false, 1", "2, 1, 4, true, 1", "4, 3, 2, true, -5"})
    void expertsThatAreScoredOneByOneAreThoseOfTheWholeSum(
            int groups, int best, int chosen, boolean normalised, double least) {
        try (NativeScope scope = new NativeScope()) {
            List<FeedForward.Gated> experts = new ArrayList<>();
            for (int e = 0; e < 8; e++) {
                experts.add(dense("expert" + e));
            }
            Tensor bias = matrix(8).detach().add(new Scalar(least));
            Routing.Sigmoid routing = new Routing.Sigmoid(bias, groups, best, normalised, 2.5);
            MixtureOfExperts mixture = new MixtureOfExperts(
                    new Linear("router", matrix(8, HIDDEN), null),
                    new Experts.Apart("experts", experts),
                    chosen,
                    routing,
                    new MixtureOfExperts.SharedExpert.Plain(dense("shared")),
                    null);
            assertEquals(27, mixture.linears().size(), "the router is none of them");
            Tensor x = matrix(2, 7, HIDDEN);
            Tensor weights = matrix(2, 7, HIDDEN).detach();
            List<Tensor> leaves = new ArrayList<>(List.of(x, mixture.router().weight()));
            mixture.linears().forEach(linear -> leaves.add(linear.weight()));
            Tensor expected = naive(mixture, routing, x);
            expected.mul(weights).sum().backward();
            List<double[]> gradients =
                    leaves.stream().map(MixtureOfExpertsTest::gradient).toList();
            Tensor actual = mixture.forward(x);
            actual.mul(weights).sum().backward();
            assertEquals(0, actual.sub(expected).abs().max().item_double(), 1e-12);
            for (int i = 0; i < leaves.size(); i++) {
                double[] found = gradient(leaves.get(i));
                for (int j = 0; j < found.length; j++) {
                    assertEquals(gradients.get(i)[j], found[j], 1e-12, "leaf " + i + " at " + j);
                }
            }
        }
    }

    private FeedForward.Gated dense(String name) {
        return new FeedForward.Gated(
                new Linear(name + ".gate", matrix(WIDTH, HIDDEN), null),
                new Linear(name + ".up", matrix(WIDTH, HIDDEN), null),
                new Linear(name + ".down", matrix(HIDDEN, WIDTH), null),
                Activation.SILU);
    }

    /** In one tensor, of either orientation, and one expert more that all tokens go through. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void stackedExpertsAndASharedOneAreTheSameSum(boolean transposed) {
        try (NativeScope scope = new NativeScope()) {
            Tensor gateUp = transposed ? matrix(EXPERTS, HIDDEN, 2 * WIDTH) : matrix(EXPERTS, 2 * WIDTH, HIDDEN);
            Tensor down = transposed ? matrix(EXPERTS, WIDTH, HIDDEN) : matrix(EXPERTS, HIDDEN, WIDTH);
            Linear router = new Linear("router", matrix(EXPERTS, HIDDEN), null);
            FeedForward.Dense all = new FeedForward.Gated(
                    new Linear("shared.gate", matrix(WIDTH, HIDDEN), null),
                    new Linear("shared.up", matrix(WIDTH, HIDDEN), null),
                    new Linear("shared.down", matrix(HIDDEN, WIDTH), null),
                    Activation.SILU);
            Linear gate = new Linear("shared_gate", matrix(1, HIDDEN), null);
            MixtureOfExperts mixture = new MixtureOfExperts(
                    router,
                    new Experts.Stacked(
                            "experts",
                            new MatrixStack.Dense(gateUp, transposed),
                            null,
                            new MatrixStack.Dense(down, transposed),
                            null,
                            (first, last) -> new FeedForward.FusedGated(first, last, Activation.SILU)),
                    2,
                    new Routing.Softmax(true),
                    new MixtureOfExperts.SharedExpert.Gated(all, gate),
                    null);
            assertEquals(
                    List.of("shared.gate", "shared.up", "shared.down", "shared_gate"),
                    mixture.linears().stream().map(Linear::path).toList());
            List<FeedForward.Gated> apart = new ArrayList<>();
            for (int e = 0; e < EXPERTS; e++) {
                Tensor both = gateUp.detach().select(0, e);
                Tensor rows = transposed ? both.t() : both;
                Tensor back = down.detach().select(0, e);
                apart.add(new FeedForward.Gated(
                        new Linear("gate" + e, rows.narrow(0, 0, WIDTH), null),
                        new Linear("up" + e, rows.narrow(0, WIDTH, WIDTH), null),
                        new Linear("down" + e, transposed ? back.t() : back, null),
                        Activation.SILU));
            }
            Tensor x = matrix(1, 2, HIDDEN);
            Tensor expected = naive(new MixtureOfExperts(router, new Experts.Apart("experts", apart), 2, true), x)
                    .add(gate.forward(x).sigmoid().mul(all.forward(x)));
            Tensor actual = mixture.forward(x);
            assertEquals(0, actual.sub(expected).abs().max().item_double(), 1e-13);
            actual.sum().backward();
            long[] visited = Tensors.toLongs(
                    torch.topk(router.forward(x), 2, -1, true, true).get1().flatten());
            for (int e = 0; e < EXPERTS; e++) {
                int expert = e;
                boolean has = Arrays.stream(visited).anyMatch(one -> one == expert);
                for (Tensor stack : List.of(gateUp, down)) {
                    double gradient = stack.grad().select(0, e).abs().max().item_double();
                    assertEquals(has, gradient > 0, "expert " + e + " has a gradient of " + gradient);
                }
            }
            assertTrue(Arrays.stream(visited).distinct().count() < EXPERTS);
            assertTrue(gate.weight().grad().abs().max().item_double() > 0);
        }
    }

    /** As in generating, where there is no order of tokens to make. */
    @Test
    void aSingleTokenIsWhatItIsAmongOthers() {
        try (NativeScope scope = new NativeScope()) {
            MixtureOfExperts plain = mixture(3, true);
            for (Routing routing : List.of(
                    plain.routing(), new Routing.Gates(), new Routing.Sigmoid(matrix(EXPERTS), 1, 1, true, 2))) {
                MixtureOfExperts mixture = new MixtureOfExperts(plain.router(), plain.among(), 3, routing, null, null);
                Tensor x = matrix(2, 3, HIDDEN);
                Tensor all = mixture.forward(x);
                try (Inference inference = Inference.open()) {
                    for (int token = 0; token < 6; token++) {
                        Tensor one = x.view(1, 6, HIDDEN).narrow(1, token, 1);
                        Tensor same = all.view(1, 6, HIDDEN).narrow(1, token, 1);
                        assertEquals(
                                0, mixture.forward(one).sub(same).abs().max().item_double(), 1e-14, "" + routing);
                    }
                }
            }
        }
    }

    /** In an answer each lane has whole experts where they fill the lanes: five fill two of them and three, and not four. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void anAnswerIsTheSameInLanes(int lanes) {
        try (NativeScope scope = new NativeScope();
                Threads threads = Threads.of(lanes)) {
            MixtureOfExperts mixture = mixture(5, true);
            for (long tokens : new long[] {1, 7}) {
                Tensor x = matrix(1, tokens, HIDDEN);
                Tensor trained = mixture.forward(x);
                try (Inference inference = Inference.open()) {
                    Tensor answer = mixture.forward(x);
                    assertFalse(answer.requires_grad());
                    assertEquals(0, answer.sub(trained).abs().max().item_double(), 1e-14);
                }
                assertEquals(lanes, Lanes.count());
            }
        }
    }

    @Test
    void anExpertWithoutTokensIsNotVisited() {
        try (NativeScope scope = new NativeScope()) {
            MixtureOfExperts mixture = mixture(1, true);
            Tensor x = matrix(1, 1, HIDDEN);
            mixture.forward(x).sum().backward();
            long visited = experts(mixture).stream()
                    .filter(expert -> expert.linears().stream()
                            .allMatch(linear -> linear.weight().grad().defined()))
                    .count();
            long touched = experts(mixture).stream()
                    .filter(expert -> expert.linears().stream()
                            .anyMatch(linear -> linear.weight().grad().defined()))
                    .count();
            assertEquals(1, visited);
            assertEquals(1, touched);
        }
    }

    /** In bfloat16 these probabilities are the same; the router's numbers are not. */
    @Test
    void theSoftmaxOfAHalfTypeIsFloat32() {
        try (NativeScope scope = new NativeScope()) {
            Tensor router = Tensors.of(new float[] {0, 0.0078125f, 7}, 3, 1).to(Dtype.BF16.scalarType());
            List<FeedForward.Gated> experts = new ArrayList<>();
            for (int e = 0; e < 3; e++) {
                Tensor one = Tensors.of(new float[] {1}, 1, 1).to(Dtype.BF16.scalarType());
                Tensor down = Tensors.of(new float[] {e == 1 ? 1000 : 0}, 1, 1).to(Dtype.BF16.scalarType());
                experts.add(new FeedForward.Gated(
                        new Linear("gate", one, null),
                        new Linear("up", one, null),
                        new Linear("down", down, null),
                        Activation.RELU));
            }
            MixtureOfExperts mixture = new MixtureOfExperts(
                    new Linear("router", router, null), new Experts.Apart("experts", experts), 2, false);
            Tensor x = Tensors.of(new float[] {1}, 1, 1).to(Dtype.BF16.scalarType());
            assertFalse(mixture.router()
                    .forward(x)
                    .select(1, 0)
                    .equal(mixture.router().forward(x).select(1, 1)));
            assertTrue(mixture.forward(x).gt(new Scalar(0)).item_bool(), "the second of the smaller two was chosen");
        }
    }

    @Test
    void sizesThatDoNotFitAreRefused() {
        try (NativeScope scope = new NativeScope()) {
            MixtureOfExperts mixture = mixture(2, true);
            Experts.Apart all = (Experts.Apart) mixture.among();
            Experts.Apart some = new Experts.Apart("experts", all.all().subList(1, 3));
            assertThrows(IllegalArgumentException.class, () -> new MixtureOfExperts(mixture.router(), some, 1, true));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> new MixtureOfExperts(mixture.router(), all, EXPERTS + 1, true));
        }
    }
}
