package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.JoinedWeight;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.StackedExperts;
import org.loft4j.nn.StackedLinears;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * An adapter on every linear layer of each family, for those of which PEFT's numbers are not at hand: the gradients of its
 * factors follow from that of the whole matrix, {@code ∂B = s·G·Aᵀ} and {@code ∂A = s·Bᵀ·G}, and a merge changes no logit.
 */
class EveryFamilyTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "gemma2_cap",
                "gemma3_text",
                "phi3_partial",
                "llama3_rope_tied",
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
                "deepseek_v2_groups",
                "qwen2_moe",
                "stablelm",
                "stablelm_parallel",
                "glm4",
                "cohere",
                "cohere2",
                "seed_oss",
                "ernie4_5",
                "exaone4",
                "lfm2",
                "lfm2_bias",
                "gpt_neo",
                "gpt_neo_cls",
                "gpt_neox",
                "gpt_neox_serial",
                "opt",
                "opt_post",
                "opt_cls",
                "phi",
                "phi_cls",
                "gemma",
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
                "qwen3_moe by parameters",
                "mixtral_sw by parameters",
                "deepseek_v3 by parameters",
                "glm4_moe_lite by parameters",
                "gpt_oss",
                "gpt_oss_mxfp4",
                "mistral3_ministral3",
                "qwen3_5",
                "qwen3_5_text",
                "qwen3_5_moe",
                "qwen3_5_moe_text",
                "qwen3_next",
                "qwen3_next_tied",
                "qwen3_next by parameters",
                "gpt2",
                "mistral_sw",
                "qwen2_cls",
                "llama_tok",
                "gpt2_cls",
                "roberta_cls",
                "distilbert_cls",
                "deberta_v2_cls_conv",
                "deberta_v3_tok",
                "bert_tok",
                "modernbert_cls",
                "modernbert_mean",
                "modernbert_tok",
                "mpnet_cls",
                "mpnet_tok",
                "electra_cls",
                "electra_tok",
                "albert_cls",
                "albert_tok"
            })
    void gradientsFollowFromTheWholeMatrixAndAMergeChangesNothing(String shown) throws Exception {
        boolean byParameters = shown.contains(" ");
        String name = shown.split(" ")[0];
        Path directory = Fixture.directory(name);
        Task task = Models.defaultTask(directory);
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model model = Models.open(directory, ModelOptions.of(task).withDtype(Dtype.F64));
                LoraAdapter adapter = LoraAdapter.create(model, all(model, byParameters), 11)) {
            torch.manual_seed(5);
            try (AutoGradMode frozen = new AutoGradMode(false)) {
                adapter.layers()
                        .values()
                        .forEach(layer -> layer.loraB()
                                .copy_(torch.randn_like(layer.loraB()).mul(new Scalar(0.1))));
            }
            adapter.layers()
                    .values()
                    .forEach(layer -> JoinedWeight.parametersOf(layer.base())
                            .forEach(weight -> model.weights().get(weight).set_requires_grad(true)));
            TokenInput input = fixture.input();
            Tensor logits = model.logits(input);
            loss(task, logits, fixture.read("labels")).backward();
            int compared = 0;
            for (Map.Entry<String, LoraLinear> entry : adapter.layers().entrySet()) {
                LoraLinear layer = entry.getValue();
                Tensor stored = gradient(model, layer);
                if (!stored.defined()) {
                    // an expert that no token went through
                    assertTrue(entry.getKey().contains(".experts."), entry.getKey());
                    assertFalse(layer.loraB().grad().defined(), entry.getKey());
                    continue;
                }
                compared++;
                Tensor whole = layer.base().matrix().isStoredTransposed() ? stored.t() : stored;
                Scalar scale = new Scalar(layer.scale());
                assertNear(whole.mm(layer.loraA().t()).mul(scale), defined(layer.loraB()), entry.getKey() + " B");
                assertNear(layer.loraB().t().mm(whole).mul(scale), defined(layer.loraA()), entry.getKey() + " A");
            }
            assertTrue(compared >= 8, compared + " of " + adapter.layers().keySet());
            MergeReport report = adapter.merge();
            assertEquals(adapter.layers().size(), report.layers().size());
            Tensor mask = task.isOneLabelEach() ? null : input.attentionMask();
            Fixture.assertClose(logits, model.logits(input), mask, 1e-12);
            adapter.unmerge();
            assertTrue(Tensors.bitEqual(logits, model.logits(input)));
        }
    }

    /**
     * Every layer, and every expert that lies in one tensor with others, but in MXFP4, into which nothing is merged.
     *
     * @param byParameters whether this holds for experts that do so in Transformers alone
     */
    private static LoraConfig all(Model model, boolean byParameters) {
        LoraConfig all = LoraConfig.of(3, 6, TargetModules.allLinear());
        boolean inOne = byParameters || !StackedExperts.of(model).isEmpty();
        return inOne && model.weights().quantized().isEmpty()
                ? all.withTargetParameters(List.copyOf(TargetParameters.names(model)))
                : all;
    }

    private static Tensor gradient(Model model, LoraLinear layer) {
        String path = layer.path();
        if (layer.base().matrix() instanceof JoinedWeight) {
            Tensor[] each = JoinedWeight.parametersOf(layer.base()).stream()
                    .map(name -> model.weights().get(name).grad())
                    .toArray(Tensor[]::new);
            return each[0].defined() ? torch.cat(new TensorVector(each), 0) : each[0];
        }
        Tensor gradient = model.weights().get(StackedLinears.weightOf(path)).grad();
        return StackedLinears.isOne(path)
                ? gradient.select(0, Long.parseLong(path.substring(path.indexOf('[') + 1, path.length() - 1)))
                : gradient;
    }

    /** Zeros for an expert that has no token. */
    private static Tensor defined(Tensor leaf) {
        return leaf.grad().defined() ? leaf.grad() : torch.zeros_like(leaf);
    }

    private static Tensor loss(Task task, Tensor logits, Tensor labels) {
        return switch (task) {
            case CAUSAL_LM -> Losses.causalLm(logits, labels);
            case TOKEN_CLASSIFICATION -> Losses.tokenClassification(logits, labels);
            default -> Losses.classification(logits, labels);
        };
    }

    private static void assertNear(Tensor expected, Tensor actual, String what) {
        double norm = expected.norm().item_double();
        double difference = actual.sub(expected).norm().item_double();
        assertTrue(difference <= 1e-10 * Math.max(norm, 1e-6), what + " is off by " + difference + " of " + norm);
    }
}
