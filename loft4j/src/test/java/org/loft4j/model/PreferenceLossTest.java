package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Direct preference optimization against its equation, written in libtorch's operations over all logits in float64. */
class PreferenceLossTest {
    private static final double SCALE = 0.37;

    /** {@code Σ log p(label)} of each row, {@code (rows)}. */
    private static Tensor rowSums(Tensor logits, Tensor labels) {
        long scored = labels.size(1) - 1;
        Tensor log = logits.to(Dtype.F64.scalarType()).narrow(1, 0, scored).log_softmax(-1);
        Tensor targets = labels.narrow(1, 1, scored).unsqueeze(-1);
        Tensor counts = targets.ne(new Scalar(Losses.IGNORED)).to(Dtype.F64.scalarType());
        return log.gather(-1, targets.clamp_min(new Scalar(0L))).mul(counts).sum(1, 2);
    }

    private static Tensor logSigmoid(Tensor x) {
        return x.sigmoid().log();
    }

    /** Rafailov et al. 2023, equation 7, summed over the pairs; Mitchell 2023 with smoothing. */
    private static Tensor transcribed(Tensor sums, double[] reference, double beta, double smoothing) {
        Tensor ratios = sums.sub(Tensors.of(reference, reference.length)).view(-1, 2);
        Tensor h = ratios.select(1, 0).sub(ratios.select(1, 1)).mul(new Scalar(beta));
        return logSigmoid(h)
                .mul(new Scalar(smoothing - 1))
                .sub(logSigmoid(h.neg()).mul(new Scalar(smoothing)))
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
        "llama_gqa, F64, 0.1, 0, 1e-12",
        "llama_gqa, F64, 2, 0.2, 1e-12",
        "gemma2_cap, F64, 0.5, 0.1, 1e-12",
        "granite, F64, 0.5, 0.1, 1e-12",
        "llama3_rope_tied, F64, 1, 0, 1e-12",
        "llama_gqa, F32, 0.5, 0.1, 3e-6",
        "gemma2_cap, BF16, 0.5, 0, 5e-2"
    })
    void lossAndGradientsAreThoseOfTheEquation(
            String name, Dtype dtype, double beta, double smoothing, double tolerance) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Decoder model = (Decoder) Models.open(
                        fixture.directory(), ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype))) {
            // each row twice, with targets of its own: answers to one prompt
            TokenInput once = fixture.input();
            TokenInput input = new TokenInput(twice(once.inputIds()), twice(once.attentionMask()));
            Tensor labels = twice(fixture.read("labels"));
            for (long row = 0; row < labels.size(0); row += 2) {
                labels.select(0, row).narrow(0, 0, labels.size(1) / 2).fill_(new Scalar(Losses.IGNORED));
            }
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            double[] before =
                    Tensors.toDoubles(rowSums(model.logits(input), labels).detach());
            double[] reference = new double[before.length];
            for (int i = 0; i < reference.length; i++) {
                reference[i] = before[i] + Math.sin(3 * i + 1);
            }

            Tensor expected = transcribed(rowSums(model.logits(input), labels), reference, beta, smoothing);
            expected.mul(new Scalar(SCALE)).backward();
            Tensor wanted = flat(gradients(model));

            PreferenceLoss loss = new PreferenceLoss(beta, smoothing);
            double found = loss.backward(model, input, labels, reference, SCALE);
            Tensor got = flat(gradients(model));

            assertEquals(expected.item_double(), found, tolerance * expected.item_double());
            double off = got.sub(wanted).norm().item_double() / wanted.norm().item_double();
            assertTrue(off <= tolerance, name + ": gradients are off by " + off);
            assertArrayEquals(
                    before,
                    new LanguageModelLoss(model).rowLogProbabilities(input, labels),
                    tolerance * Math.abs(before[0]));
        }
    }

    @Test
    void theLossOfAModelThatHasNotMovedIsLogTwo() {
        PreferenceLoss loss = new PreferenceLoss(0.1, 0);
        double[] rewards = loss.rewards(new double[] {-3, -5, -700, -1}, new double[] {-3, -5, -700, -1});
        assertEquals(2 * Math.log(2), loss.sum(rewards), 1e-15);
    }

    @Test
    void rewardsFarApartHaveAFiniteLoss() {
        PreferenceLoss loss = new PreferenceLoss(1, 0);
        assertEquals(2000, loss.sum(new double[] {-1000, 1000}), 1e-9);
        assertEquals(0, loss.sum(new double[] {1000, -1000}), 1e-300);
    }

    @Test
    void refusesWhatIsNoPair() {
        PreferenceLoss loss = new PreferenceLoss(0.1, 0);
        assertThrows(ShapeException.class, () -> loss.rewards(new double[] {1, 2, 3}, new double[] {1, 2, 3}));
        assertThrows(ShapeException.class, () -> loss.rewards(new double[] {1, 2}, new double[] {1}));
        assertTrue(assertThrows(ConfigException.class, () -> new PreferenceLoss(0, 0))
                .getMessage()
                .contains("beta must be greater than 0"));
    }
}
