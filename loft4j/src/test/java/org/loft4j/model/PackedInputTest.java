package org.loft4j.model;

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
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ShapeException;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Sequences end to end in one row against the same in a padded batch: loss and gradients of every weight, in float64. */
class PackedInputTest {
    private static Map<String, Tensor> gradients(Model model) {
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        model.weights().asMap().forEach((name, weight) -> {
            if (weight.grad().defined()) {
                gradients.put(name, weight.grad().clone());
                weight.mutable_grad().reset();
            }
        });
        return gradients;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "gpt2",
                "mistral_sw",
                "qwen2_sliding",
                "qwen3",
                "gemma2_cap",
                "gemma3_text_mixed",
                "llama_gqa",
                "llama_dynamic",
                "phi3_partial",
                "smollm3_sliding",
                "granite",
                "granitemoehybrid",
                "granitemoehybrid_nope",
                "granitemoehybrid_h",
                "granitemoehybrid_h_groups",
                "granitemoehybrid_moe",
                "granitemoe",
                "deepseek_v3",
                "deepseek_v3_plain",
                "glm4_moe_lite",
                "glm4_moe",
                "deepseek_v2",
                "qwen2_moe",
                "stablelm",
                "stablelm_parallel",
                "glm4",
                "cohere",
                "cohere2",
                "exaone4",
                "lfm2",
                "lfm2_bias",
                "gpt_neo",
                "gpt_neox",
                "opt",
                "opt_post",
                "phi",
                "starcoder2",
                "olmo2",
                "olmo3_yarn",
                "gemma3",
                "gemma4",
                "gemma4_text",
                "gemma4_moe",
                "llama4",
                "llama4_text",
                "mistral3",
                "qwen2_5_vl",
                "qwen3_vl",
                "qwen3_moe",
                "mixtral_sw",
                "olmoe",
                "gpt_oss",
                "gpt_oss_mxfp4",
                "mistral3_ministral3",
                "qwen3_5",
                "qwen3_5_text",
                "qwen3_5_moe",
                "qwen3_next",
                "qwen3_next_tied",
                "qwen3_5_moe_text"
            })
    void lossAndGradientsAreThoseOfThePaddedBatch(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Decoder model = (Decoder) Models.open(
                        fixture.directory(), ModelOptions.of(Task.CAUSAL_LM).withDtype(Dtype.F64))) {
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            TokenInput padded = fixture.input();
            Tensor mask = padded.attentionMask();
            Tensor labels = padded.inputIds().masked_fill(mask.eq(new Scalar(0)), new Scalar(Losses.IGNORED));
            long rows = mask.size(0);
            long[] lengths = Tensors.toLongs(mask.sum(1));
            assertTrue(Arrays.stream(lengths).distinct().count() > 1, "a batch of unequal rows");
            TensorVector ids = new TensorVector(rows);
            TensorVector targets = new TensorVector(rows);
            for (int row = 0; row < rows; row++) {
                // the fixtures are padded on the right
                ids.put(row, padded.inputIds().select(0, row).narrow(0, 0, lengths[row]));
                Tensor own = ids.get(row).clone();
                own.narrow(0, 0, 1).fill_(new Scalar(Losses.IGNORED));
                targets.put(row, own);
            }
            TokenInput packed = TokenInput.packed(torch.cat(ids, 0).unsqueeze(0), lengths);
            Tensor packedLabels = torch.cat(targets, 0).unsqueeze(0);
            LanguageModelLoss loss = new LanguageModelLoss(model);
            double expected = loss.backward(padded, labels, 1, 0);
            Map<String, Tensor> apart = gradients(model);
            double sum = loss.backward(packed, packedLabels, 1, 0);
            Map<String, Tensor> together = gradients(model);
            assertEquals(expected, sum, 1e-12 * expected);
            assertEquals(expected, loss.judge(packed, packedLabels, null).sum(), 1e-12 * expected);
            assertEquals(apart.keySet(), together.keySet());
            double norm = Math.sqrt(apart.values().stream()
                    .mapToDouble(gradient -> gradient.square().sum().item_double())
                    .sum());
            apart.forEach((weight, gradient) -> {
                double off = together.get(weight).sub(gradient).norm().item_double();
                assertTrue(off <= 1e-12 * norm, weight + " is off by " + off / norm);
            });
        }
    }

    @Test
    void lengthsThatDoNotFitAreRefused() throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("gpt2");
                Model model = Models.open(fixture.directory(), ModelOptions.of(Task.CAUSAL_LM));
                Model encoder =
                        Models.open(Fixture.directory("bert_cls"), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            Tensor ids = Tensors.of(new long[] {1, 2, 3, 4}, 1, 4);
            assertThrows(ShapeException.class, () -> model.logits(TokenInput.packed(ids, 1, 2)));
            assertThrows(ShapeException.class, () -> model.logits(TokenInput.packed(ids, 4, 0)));
            assertThrows(ShapeException.class, () -> model.logits(TokenInput.packed(ids.view(2, 2), 2, 2)));
            assertThrows(ShapeException.class, () -> encoder.logits(TokenInput.packed(ids, 2, 2)));
        }
    }
}
