package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.data.Advantages;
import org.loft4j.data.Batch;
import org.loft4j.data.MiniBatch;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.TokenDraw;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The loss of answers that rewards have judged, against a transcription of it with the ratio spelt out, in float64. */
class GrpoGradientTest {
    private static final int ANSWERS = 6;
    private static final int MOST = 7;

    /** A prompt of two or three tokens, and an answer of 1 to 6. */
    private static long[] prompt(int row) {
        return row % 2 == 0 ? new long[] {3, 1} : new long[] {5, 2, 9};
    }

    private static long[] answer(int row) {
        return IntStream.range(0, row + 1)
                .mapToLong(t -> (7L * row + 3L * t) % TinyRun.VOCABULARY)
                .toArray();
    }

    private static double advantage(int row) {
        return Math.sin(row + 1);
    }

    private static Batch batch(int from, int to, double[][] reference) {
        return Batch.ofAnswers(
                IntStream.range(from, to).mapToObj(GrpoGradientTest::prompt).toList(),
                IntStream.range(from, to).mapToObj(GrpoGradientTest::answer).toList(),
                new Advantages(
                        IntStream.range(from, to)
                                .mapToDouble(GrpoGradientTest::advantage)
                                .toArray(),
                        reference == null ? null : Arrays.copyOfRange(reference, from, to)),
                0);
    }

    private static double[] gradients(Model model) {
        List<double[]> all = new ArrayList<>();
        model.weights().asMap().values().forEach(weight -> {
            all.add(Tensors.toDoubles(weight.grad().flatten()));
            weight.mutable_grad().reset();
        });
        return all.stream().flatMapToDouble(Arrays::stream).toArray();
    }

    /** log π of an answer's tokens, with all that autograd needs, from the logits of its row alone. */
    private static Tensor logProbabilities(Model model, int row, double temperature) {
        long[] prompt = prompt(row);
        long[] answer = answer(row);
        long[] ids = new long[prompt.length + answer.length];
        System.arraycopy(prompt, 0, ids, 0, prompt.length);
        System.arraycopy(answer, 0, ids, prompt.length, answer.length);
        Tensor logits = model.logits(new TokenInput(Tensors.of(ids, 1, ids.length), null, null));
        Tensor before = logits.select(0, 0).narrow(0, prompt.length - 1, answer.length);
        return before.div(new Scalar(temperature))
                .log_softmax(-1)
                .gather(1, Tensors.of(answer, answer.length, 1))
                .squeeze(1);
    }

    /** −A·ρ + β·k, summed, each answer over its N. */
    private static double transcribed(Model model, GrpoLoss loss, double[][] reference) {
        long tokens =
                IntStream.range(0, ANSWERS).mapToLong(row -> answer(row).length).sum();
        double sum = 0;
        for (int row = 0; row < ANSWERS; row++) {
            Tensor now = logProbabilities(model, row, loss.draw().temperature());
            Tensor ratio = now.sub(now.detach()).exp();
            Tensor each = ratio.mul(new Scalar(-advantage(row)));
            if (loss.beta() > 0) {
                Tensor less = Tensors.of(reference[row], reference[row].length).sub(now);
                Tensor divergence = less.exp().sub(less).sub(new Scalar(1.0));
                each = each.add(divergence.mul(new Scalar(loss.beta())));
            }
            double over = switch (loss.kind()) {
                case GRPO -> (double) ANSWERS * answer(row).length;
                case DR_GRPO -> (double) ANSWERS * MOST;
                case DAPO -> tokens;
            };
            Tensor share = each.sum().div(new Scalar(over));
            share.backward();
            sum += share.item_double();
        }
        return sum;
    }

    @ParameterizedTest
    @CsvSource({
        "GRPO, 0, 1",
        "GRPO, 0.3, 1",
        "DR_GRPO, 0, 1",
        "DR_GRPO, 0.3, 1",
        "DAPO, 0, 1",
        "DAPO, 0.3, 1",
        "GRPO, 0.3, 0.7",
        "DR_GRPO, 0, 1.8",
        "DAPO, 0, 0.7",
        "DAPO, 0.3, 1.8"
    })
    void lossAndGradientAreThoseOfTheEquationHoweverAStepIsCut(GrpoLoss.Kind kind, double beta, double temperature) {
        GrpoLoss loss = GrpoLoss.USUAL
                .withKind(kind)
                .withBeta(beta)
                .withMaxCompletionLength(MOST)
                .withDraw(new TokenDraw(temperature, 3, 0.9, 0));
        try (NativeScope scope = new NativeScope();
                Model model = TinyRun.model(Dtype.F64)) {
            double[][] reference = new double[ANSWERS][];
            for (int row = 0; row < ANSWERS; row++) {
                int own = row;
                double[] now = Tensors.toDoubles(logProbabilities(model, row, temperature));
                reference[row] = IntStream.range(0, now.length)
                        .mapToDouble(t -> now[t] + 0.5 * Math.cos(own + 3 * t))
                        .toArray();
            }
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            double expected = transcribed(model, loss, reference);
            double[] wanted = gradients(model);

            double[][] known = beta > 0 ? reference : null;
            for (int[] cut : new int[][] {{0, 6}, {0, 4, 6}, {0, 1, 3, 6}}) {
                List<MiniBatch> micro = new ArrayList<>();
                for (int i = 1; i < cut.length; i++) {
                    micro.add(batch(cut[i - 1], cut[i], known));
                }
                BatchLoss step = BatchLoss.over(model.task(), micro, 1, 0, PreferenceLoss.DPO, null)
                        .withRewards(loss, micro);
                double found = 0;
                for (MiniBatch some : micro) {
                    BatchTensors whole = BatchTensors.of(some, model);
                    double[] told = loss.logProbabilities((Decoder) model, whole.input(), whole.labels());
                    assertEquals(some.targets(), told.length);
                    // as lanes do
                    for (BatchTensors part : BatchTensors.of(some, model).split(2)) {
                        found += step.backward(model, part);
                    }
                }
                assertEquals(expected, found, 1e-12);
                assertArrayEquals(wanted, gradients(model), 1e-12);
            }
        }
    }

    /** The pieces of the head's product, which are some positions each, take the numbers of their own tokens. */
    @ParameterizedTest
    @CsvSource({"1", "4", "100"})
    void tokensHaveTheirOwnSlopesInWhateverPieces(long positions) {
        try (NativeScope scope = new NativeScope();
                Model model = TinyRun.model(Dtype.F64)) {
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            BatchTensors all = BatchTensors.of(batch(0, ANSWERS, null), model);
            LanguageModelLoss.Tokens told = LanguageModelLoss.ofRows((Decoder) model, positions)
                    .backwardTokens(
                            all.input(),
                            all.labels(),
                            tokens -> IntStream.range(0, tokens.rows().length)
                                    .mapToDouble(i -> Math.cos(i))
                                    .toArray());
            double[] found = gradients(model);
            int at = 0;
            for (int row = 0; row < ANSWERS; row++) {
                Tensor now = logProbabilities(model, row, 1);
                double[] slopes = new double[answer(row).length];
                for (int t = 0; t < slopes.length; t++) {
                    assertEquals(row, told.rows()[at]);
                    slopes[t] = Math.cos(at++);
                }
                now.mul(Tensors.of(slopes, slopes.length)).sum().backward();
            }
            assertArrayEquals(gradients(model), found, 1e-12);
        }
    }
}
