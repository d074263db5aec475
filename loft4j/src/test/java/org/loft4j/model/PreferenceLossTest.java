package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Losses;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.PreferenceLoss.Kind;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The losses of preferences against their equations, written in libtorch's operations over all logits in float64. */
class PreferenceLossTest {
    private static final double SCALE = 0.37;

    /** {@code log p(label)} of each position and 0 where there is none, and which have one, {@code (rows, seq − 1)}. */
    private static Tensor[] targets(Tensor logits, Tensor labels) {
        long scored = labels.size(1) - 1;
        Tensor log = logits.to(Dtype.F64.scalarType()).narrow(1, 0, scored).log_softmax(-1);
        Tensor targets = labels.narrow(1, 1, scored).unsqueeze(-1);
        Tensor has = targets.ne(new Scalar(Losses.IGNORED)).to(Dtype.F64.scalarType());
        Tensor all = log.gather(-1, targets.clamp_min(new Scalar(0L))).mul(has);
        return new Tensor[] {all.squeeze(-1), has.squeeze(-1)};
    }

    private static Tensor logSigmoid(Tensor x) {
        return x.sigmoid().log();
    }

    /** Of each pair what the first has more. */
    private static Tensor difference(Tensor rows) {
        Tensor pairs = rows.view(-1, 2);
        return pairs.select(1, 0).sub(pairs.select(1, 1));
    }

    private static Tensor smoothed(Tensor h, double smoothing) {
        return logSigmoid(h)
                .mul(new Scalar(smoothing - 1))
                .sub(logSigmoid(h.neg()).mul(new Scalar(smoothing)));
    }

    /** The equations as their papers have them, summed over the pairs; Mitchell 2023 with smoothing. */
    private static Tensor transcribed(PreferenceLoss loss, Tensor[] targets, double[] reference, double smoothing) {
        Tensor sums = targets[0].sum(1);
        Tensor lengths = targets[1].sum(1);
        Tensor means = sums.div(lengths);
        Tensor ratios = sums.sub(Tensors.of(reference, reference.length));
        Scalar beta = new Scalar(loss.beta());
        Tensor pairs = switch (loss.kind()) {
            case SIGMOID -> smoothed(difference(ratios).mul(beta), smoothing);
            case HINGE -> difference(ratios).mul(beta).neg().add(new Scalar(1)).relu();
            case IPO ->
                difference(ratios.div(lengths))
                        .sub(new Scalar(0.5 / loss.beta()))
                        .pow(new Scalar(2));
            case SIMPO -> smoothed(difference(means.mul(beta)).sub(new Scalar(loss.gamma())), smoothing);
            case ORPO -> {
                Tensor p = means.exp();
                Tensor odds = p.div(p.neg().add(new Scalar(1)));
                yield logSigmoid(difference(odds.log())).mul(new Scalar(-loss.beta()));
            }
            case KTO -> throw new IllegalArgumentException("has no pairs: KtoLossTest");
        };
        return pairs.sub(means.view(-1, 2).select(1, 0).mul(new Scalar(loss.sftWeight())))
                .sum();
    }

    /** Each row, and once more. */
    private static Tensor twice(Tensor rows) {
        return torch.stack(new TensorVector(rows, rows), 1).flatten(0, 1);
    }

    private static Map<String, Tensor> gradients(Decoder model) {
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        model.weights().asMap().forEach((name, weight) -> {
            if (weight.grad().defined()) {
                gradients.put(name, weight.grad().to(Dtype.F64.scalarType()).clone());
                weight.mutable_grad().reset();
            }
        });
        return gradients;
    }

    private static Tensor flat(Map<String, Tensor> gradients) {
        TensorVector parts = new TensorVector();
        gradients.values().forEach(part -> parts.push_back(part.flatten()));
        return torch.cat(parts);
    }

    @ParameterizedTest
    @CsvSource({
        "llama_gqa, F64, SIGMOID, 0.1, 0, 0, 0, 1e-12",
        "llama_gqa, F64, SIGMOID, 2, 0, 0, 0.2, 1e-12",
        "llama_gqa, F64, SIGMOID, 0.1, 0, 1, 0, 1e-12",
        "llama_gqa, F64, HINGE, 0.8, 0, 0, 0, 1e-12",
        "llama_gqa, F64, IPO, 0.1, 0, 0, 0, 1e-12",
        "llama_gqa, F64, IPO, 0.7, 0, 0.5, 0, 1e-12",
        "llama_gqa, F64, SIMPO, 2, 0.5, 0, 0, 1e-12",
        "llama_gqa, F64, SIMPO, 2.5, 1.4, 0.3, 0.1, 1e-12",
        "llama_gqa, F64, ORPO, 0.1, 0, 1, 0, 1e-12",
        "llama_gqa, F64, ORPO, 1, 0, 0, 0, 1e-12",
        "gemma2_cap, F64, SIGMOID, 0.5, 0, 0, 0.1, 1e-12",
        "gemma2_cap, F64, ORPO, 0.5, 0, 1, 0, 1e-12",
        "granite, F64, SIGMOID, 0.5, 0, 0, 0.1, 1e-12",
        "granite, F64, IPO, 0.5, 0, 0, 0, 1e-12",
        "llama3_rope_tied, F64, SIGMOID, 1, 0, 0, 0, 1e-12",
        "llama3_rope_tied, F64, SIMPO, 1, 0.5, 0, 0, 1e-12",
        "llama_gqa, F32, SIGMOID, 0.5, 0, 0, 0.1, 3e-6",
        "llama_gqa, F32, IPO, 0.1, 0, 0, 0, 3e-6",
        "llama_gqa, F32, SIMPO, 2, 0.5, 0, 0, 3e-6",
        "llama_gqa, F32, ORPO, 0.1, 0, 1, 0, 3e-6",
        "gemma2_cap, BF16, SIGMOID, 0.5, 0, 0, 0, 5e-2",
        "gemma2_cap, BF16, ORPO, 0.1, 0, 1, 0, 5e-2"
    })
    void lossAndGradientsAreThoseOfTheEquation(
            String name,
            Dtype dtype,
            Kind kind,
            double beta,
            double gamma,
            double sftWeight,
            double smoothing,
            double tolerance)
            throws Exception {
        PreferenceLoss loss = new PreferenceLoss(kind, beta, gamma, sftWeight);
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Decoder model = (Decoder) Models.open(
                        fixture.directory(), ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype))) {
            // each row twice, with targets of its own: answers to one prompt, of two lengths
            TokenInput once = fixture.input();
            TokenInput input = new TokenInput(twice(once.inputIds()), twice(once.attentionMask()));
            Tensor labels = twice(fixture.read("labels"));
            for (long row = 0; row < labels.size(0); row += 2) {
                labels.select(0, row).narrow(0, 0, labels.size(1) / 4).fill_(new Scalar(Losses.IGNORED));
            }
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            Tensor[] now = targets(model.logits(input), labels);
            double[] before = Tensors.toDoubles(now[0].sum(1).detach());
            long[] counts = Tensors.toLongs(now[1].sum(1).to(Dtype.I64.scalarType()));
            double[] reference = new double[before.length];
            for (int i = 0; i < reference.length; i++) {
                reference[i] = before[i] + Math.sin(3 * i + 1);
            }

            Tensor expected = transcribed(loss, targets(model.logits(input), labels), reference, smoothing);
            expected.mul(new Scalar(SCALE)).backward();
            Tensor wanted = flat(gradients(model));

            // what a loss has no use for may be missing
            double[] given = kind.hasReference() ? reference : new double[0];
            double found = loss.backward(model, input, labels, given, SCALE, smoothing);
            Tensor got = flat(gradients(model));

            assertEquals(expected.item_double(), found, tolerance * expected.item_double());
            double off = got.sub(wanted).norm().item_double() / wanted.norm().item_double();
            assertTrue(off <= tolerance, name + ": gradients are off by " + off);
            LanguageModelLoss.Rows rows = new LanguageModelLoss(model).judgeRows(input, labels);
            assertArrayEquals(before, rows.logProbabilities(), tolerance * Math.abs(before[0]));
            assertArrayEquals(
                    counts, Arrays.stream(rows.targets()).asLongStream().toArray());
        }
    }

    private static LanguageModelLoss.Rows rows(double... logProbabilities) {
        int[] four = new int[logProbabilities.length];
        Arrays.fill(four, 4);
        return new LanguageModelLoss.Rows(logProbabilities, four);
    }

    /** The loss of one pair whose answers have four tokens each. */
    private static double loss(PreferenceLoss loss, double chosen, double rejected) {
        LanguageModelLoss.Rows pair = rows(chosen, rejected);
        return loss.sum(pair, loss.rewards(pair, new double[] {-8, -12}), 0);
    }

    @Test
    void eachLossByHand() {
        assertEquals(Math.log(1 + Math.exp(-0.1 * 4)), loss(PreferenceLoss.DPO, -4, -12), 1e-15);
        assertEquals(1 - 0.1 * 4, loss(PreferenceLoss.of(Kind.HINGE), -4, -12), 1e-15);
        assertEquals(0, loss(PreferenceLoss.of(Kind.HINGE), 4, -12));
        // (4 / 4 − 1 / 0.2)²
        assertEquals(16, loss(PreferenceLoss.of(Kind.IPO), -4, -12), 1e-13);
        // 2·(−1 + 3) − 0.5
        assertEquals(Math.log(1 + Math.exp(-3.5)), loss(PreferenceLoss.of(Kind.SIMPO), -4, -12), 1e-15);
        double first = Math.exp(-1) / (1 - Math.exp(-1));
        double second = Math.exp(-3) / (1 - Math.exp(-3));
        assertEquals(1 + 0.1 * Math.log(1 + second / first), loss(PreferenceLoss.of(Kind.ORPO), -4, -12), 1e-14);
        assertEquals(1 + Math.log(1 + Math.exp(-0.1 * 4)), loss(PreferenceLoss.DPO.withSftWeight(1), -4, -12), 1e-15);
    }

    /** An answer that is learnt by heart has p = 1 in float32. */
    @Test
    void theOddsOfWhatIsCertainAreFinite() {
        PreferenceLoss orpo = PreferenceLoss.of(Kind.ORPO);
        LanguageModelLoss.Rows certain = rows(0, 0);
        double[] rewards = orpo.rewards(certain, new double[0]);
        assertEquals(0, rewards[0] - rewards[1]);
        assertEquals(0.1 * Math.log(2), orpo.sum(certain, rewards, 0), 1e-15);
        assertTrue(Double.isFinite(orpo.rewards(rows(0, -1e4), new double[0])[0]));
    }

    @Test
    void theLossOfAModelThatHasNotMovedIsLogTwo() {
        LanguageModelLoss.Rows same = rows(-3, -5, -700, -1);
        double[] rewards = PreferenceLoss.DPO.rewards(same, new double[] {-3, -5, -700, -1});
        assertEquals(2 * Math.log(2), PreferenceLoss.DPO.sum(same, rewards, 0), 1e-15);
    }

    @Test
    void rewardsFarApartHaveAFiniteLoss() {
        assertEquals(2000, PreferenceLoss.DPO.sum(rows(-1, -1), new double[] {-1000, 1000}, 0), 1e-9);
        assertEquals(0, PreferenceLoss.DPO.sum(rows(-1, -1), new double[] {1000, -1000}, 0), 1e-300);
    }

    @Test
    void refusesWhatIsNoPair() {
        assertThrows(ShapeException.class, () -> PreferenceLoss.DPO.rewards(rows(1, 2, 3), new double[] {1, 2, 3}));
        assertThrows(ShapeException.class, () -> PreferenceLoss.DPO.rewards(rows(1, 2), new double[] {1}));
        PreferenceLoss free = PreferenceLoss.of(Kind.SIMPO);
        assertThrows(ShapeException.class, () -> free.rewards(rows(1, 2, 3), new double[0]));
        assertTrue(assertThrows(
                        ConfigException.class, () -> PreferenceLoss.of(Kind.IPO).rewards(rows(1, 2), new double[0]))
                .getMessage()
                .startsWith("loss_type ipo sets answers against what the model held of them before training"));
    }

    @Test
    void refusesNumbersThatAreNoneAndWordsThatNameNoLoss() {
        assertEquals(
                "beta must be greater than 0 and finite, got 0.0\nsft_weight must be at least 0 and finite, got -1.0\nsimpo_gamma is of"
                        + " loss_type simpo, and it is ipo: leave it out",
                assertThrows(ConfigException.class, () -> new PreferenceLoss(Kind.IPO, 0, 1, -1))
                        .getMessage());
        assertEquals(
                "loss_type must be one of sigmoid, hinge, ipo, simpo, orpo, kto, got nca",
                assertThrows(ConfigException.class, () -> Kind.parse("nca")).getMessage());
        assertEquals(Kind.SIGMOID, Kind.parse("dpo"));
        assertEquals(Kind.ORPO, Kind.parse("orpo"));
    }

    @Test
    void isDescribedAsPapersNameIt() {
        assertEquals("direct preference optimization, β = 0.1", PreferenceLoss.DPO.described());
        assertEquals("SimPO, β = 2.0, γ = 0.5", PreferenceLoss.of(Kind.SIMPO).described());
        assertEquals(
                "IPO, β = 0.1, and 0.5 × the loss of the chosen answers",
                PreferenceLoss.of(Kind.IPO).withSftWeight(0.5).described());
        assertEquals("ORPO, λ = 0.2", PreferenceLoss.of(Kind.ORPO).withBeta(0.2).described());
    }
}
