package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
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
import org.loft4j.nn.KtoLoss;
import org.loft4j.nn.Losses;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.PreferenceLoss.Kind;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The loss of answers that are judged one by one against its equation, written in libtorch's operations, and against PyTorch's numbers. */
class KtoLossTest {
    private static final double SCALE = 0.37;

    /** What the model holds of each row's targets together, over all logits in float64. */
    private static Tensor logProbabilities(Tensor logits, Tensor labels) {
        long scored = labels.size(1) - 1;
        Tensor log = logits.to(Dtype.F64.scalarType()).narrow(1, 0, scored).log_softmax(-1);
        Tensor targets = labels.narrow(1, 1, scored).unsqueeze(-1);
        Tensor has = targets.ne(new Scalar(Losses.IGNORED)).to(Dtype.F64.scalarType());
        return log.gather(-1, targets.clamp_min(new Scalar(0L)))
                .mul(has)
                .squeeze(-1)
                .sum(1);
    }

    /** λ_D·(1 − σ(r − z)) of good rows and λ_U·(1 − σ(z − r)) of bad ones, summed. */
    private static Tensor transcribed(KtoLoss loss, Tensor now, double[] reference, int[] signs, double zero) {
        Tensor sum = torch.scalar_tensor(new Scalar(0));
        for (int row = 0; row < signs.length; row++) {
            Tensor above = now.select(0, row)
                    .sub(new Scalar(reference[row]))
                    .mul(new Scalar(loss.beta()))
                    .sub(new Scalar(zero));
            Tensor value = signs[row] > 0 ? above.sigmoid() : above.neg().sigmoid();
            double weight = signs[row] > 0 ? loss.desirableWeight() : loss.undesirableWeight();
            if (signs[row] != 0) {
                sum = sum.add(value.neg().add(new Scalar(1)).mul(new Scalar(weight)));
            }
        }
        return sum;
    }

    private static Tensor gradients(Decoder model) {
        TensorVector parts = new TensorVector();
        model.weights().asMap().values().forEach(weight -> {
            parts.push_back(weight.grad().to(Dtype.F64.scalarType()).flatten().clone());
            weight.mutable_grad().reset();
        });
        return torch.cat(parts);
    }

    @ParameterizedTest
    @CsvSource({
        "llama_gqa, F64, 0.1, 1, 1, 0, 1e-12",
        "llama_gqa, F64, 0.5, 1.5, 0.75, 0.4, 1e-12",
        "gemma2_cap, F64, 0.8, 1, 4, 0.1, 1e-12",
        "llama_gqa, F32, 0.5, 1.5, 0.75, 0.4, 3e-6",
        "gemma2_cap, BF16, 0.5, 1, 1, 0.2, 5e-2"
    })
    void lossAndGradientsAreThoseOfTheEquation(
            String name, Dtype dtype, double beta, double desirable, double undesirable, double zero, double tolerance)
            throws Exception {
        KtoLoss loss = PreferenceLoss.of(Kind.KTO)
                .withBeta(beta)
                .withWeights(desirable, undesirable)
                .kto();
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Decoder model = (Decoder) Models.open(
                        fixture.directory(), ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype))) {
            TokenInput once = fixture.input();
            Tensor mask = once.attentionMask();
            TokenInput input = new TokenInput(
                    torch.cat(new TensorVector(once.inputIds(), once.inputIds())),
                    torch.cat(new TensorVector(mask, mask)));
            Tensor labels = torch.cat(new TensorVector(fixture.read("labels"), fixture.read("labels")));
            labels.narrow(1, 0, labels.size(1) / 4).fill_(new Scalar(Losses.IGNORED));
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            double[] reference = Tensors.toDoubles(
                    logProbabilities(model.logits(input), labels).detach());
            int[] signs = new int[reference.length];
            for (int i = 0; i < signs.length; i++) {
                reference[i] += Math.sin(3 * i + 1);
                signs[i] = new int[] {1, -1, 0}[i % 3];
            }
            Tensor expected = transcribed(loss, logProbabilities(model.logits(input), labels), reference, signs, zero);
            expected.mul(new Scalar(SCALE)).backward();
            Tensor wanted = gradients(model);
            double found = loss.backward(model, input, labels, reference, signs, zero, SCALE);
            Tensor got = gradients(model);
            assertEquals(expected.item_double(), found, tolerance * expected.item_double());
            double off = got.sub(wanted).norm().item_double() / wanted.norm().item_double();
            assertTrue(off <= tolerance, name + ": gradients are off by " + off);
        }
    }

    /** Five answers and five strange ones, the equation in PyTorch 2.6 in float64: β, λ_D, λ_U, what the strange ones lose, KL, loss. */
    @ParameterizedTest
    @CsvSource({
        "0.1, 1, 1, 0, 1, 0.5100016321106609",
        "0.1, 1, 1, -3, 0, 0.5049147433004411",
        "0.5, 1.5, 0.75, 0, 1, 0.6815528251034773",
        "0.5, 1.5, 0.75, -3, 0, 0.6041685487984674"
    })
    void theMeanIsThatOfPyTorch(
            double beta, double desirable, double undesirable, double lost, double kl, double expected) {
        KtoLoss loss = new KtoLoss(beta, desirable, undesirable);
        double[] strange =
                loss.rewards(new double[] {-20, -18, -25, -22, -30.5}, new double[] {-21, -19.5, -24, -26, -30});
        double zero = loss.zero(Arrays.stream(strange).sum() + 5 * beta * lost, 5);
        assertEquals(kl, zero / beta, 1e-15);
        double[] rewards =
                loss.rewards(new double[] {-5, -9.5, -3.25, -12, -7.75}, new double[] {-6.5, -8, -3, -15, -7});
        double sum = 0;
        for (int row = 0; row < rewards.length; row++) {
            sum += loss.of(rewards[row], row % 2 == 0 ? 1 : -1, zero);
        }
        assertEquals(expected, sum / 5, 1e-15);
    }

    @Test
    void aModelThatHasNotMovedLosesHalfOfEachWeight() {
        KtoLoss loss = new KtoLoss(0.1, 3, 5);
        assertEquals(1.5, loss.of(0, 1, 0));
        assertEquals(2.5, loss.of(0, -1, 0));
        assertEquals(0, loss.of(0, 0, 0));
        assertEquals(0, loss.zero(0, 0));
    }

    @Test
    void refusesWhatItCannotJudge() {
        KtoLoss loss = PreferenceLoss.of(Kind.KTO).kto();
        assertThrows(ShapeException.class, () -> loss.rewards(new double[2], new double[1]));
        assertTrue(assertThrows(ConfigException.class, () -> loss.rewards(new double[2], new double[0]))
                .getMessage()
                .contains("JudgedDataset.withReference comes first"));
        assertTrue(assertThrows(ConfigException.class, PreferenceLoss.DPO::kto)
                .getMessage()
                .startsWith("loss_type sigmoid compares two answers to a prompt"));
        assertEquals(
                "desirable_weight must be greater than 0 and finite, got 0.0\nsft_weight is of losses of pairs, and loss_type is"
                        + " kto, whose answers are judged one by one: leave it out",
                assertThrows(ConfigException.class, () -> new PreferenceLoss(Kind.KTO, 0.1, 0, 1, 0, 1))
                        .getMessage());
        assertEquals(
                "undesirable_weight is of loss_type kto, and it is sigmoid: leave it out",
                assertThrows(ConfigException.class, () -> PreferenceLoss.DPO.withWeights(1, 2))
                        .getMessage());
        assertEquals(
                "Kahneman-Tversky optimization, β = 0.1, λ = 1.0 and 2.0",
                PreferenceLoss.of(Kind.KTO).withWeights(1, 2).described());
    }
}
