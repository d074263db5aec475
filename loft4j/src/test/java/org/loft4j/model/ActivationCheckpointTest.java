package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.ActivationCheckpoint;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** Every family with and without recomputed layers, with dropout: the same output and the same gradients, bit for bit. */
class ActivationCheckpointTest {
    private static Map<String, Tensor> gradients(Model model, ModelInput input, Map<String, Tensor> leaves)
            throws Exception {
        Seeds.manualSeed(5);
        model.setTraining(true);
        Tensor logits = model.logits(input);
        logits.mul(logits).sum().backward();
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        gradients.put("logits", logits.detach());
        // what is drawn next tells whether the backward pass has moved the generator
        gradients.put("random", org.bytedeco.pytorch.global.torch.rand(4));
        leaves.forEach((name, leaf) -> {
            if (leaf.grad().defined()) {
                gradients.put(name, leaf.grad().clone());
                leaf.mutable_grad().reset();
            }
        });
        return gradients;
    }

    private static void assertSame(Model model, ModelInput input, Map<String, Tensor> leaves, double tolerance)
            throws Exception {
        Map<String, Tensor> plain = gradients(model, input, leaves);
        assertTrue(plain.size() > 6, plain.keySet().toString());
        model.setGradientCheckpointing(true);
        Map<String, Tensor> recomputed = gradients(model, input, leaves);
        assertEquals(plain.keySet(), recomputed.keySet());
        for (String name : plain.keySet()) {
            Tensor expected = plain.get(name);
            double off = recomputed.get(name).sub(expected).norm().item_double();
            assertTrue(
                    Tensors.bitEqual(expected, recomputed.get(name))
                            || off <= tolerance * expected.norm().item_double(),
                    name + " is off by " + off);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "gpt2",
                "gemma2_cap",
                "qwen2_sliding",
                "llama_gqa",
                "qwen2_cls",
                "phi3_partial",
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
                "deepseek_v2_groups",
                "qwen2_moe",
                "stablelm_parallel",
                "glm4",
                "cohere2",
                "cohere",
                "lfm2",
                "lfm2_bias",
                "gpt_neo",
                "gpt_neox",
                "opt",
                "opt_post",
                "phi",
                "starcoder2",
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
                "qwen3_5_moe_text",
                "qwen3_next",
                "qwen3_next_tied",
                "bert_cls",
                "roberta_cls",
                "distilbert_cls",
                "deberta_v2_cls",
                "deberta_v2_cls_conv",
                "deberta_v3_tok",
                "modernbert_cls",
                "modernbert_tok",
                "mpnet_cls",
                "mpnet_tok",
                "electra_cls",
                "albert_cls",
                "albert_tok",
                "vit_cls",
                "dinov2_swiglu"
            })
    void allWeightsGetTheSameGradients(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model model =
                        Models.open(fixture.directory(), ModelOptions.of(Models.defaultTask(fixture.directory())))) {
            Map<String, Tensor> leaves = model.weights().asMap();
            leaves.values().forEach(weight -> weight.set_requires_grad(true));
            // a convolution beside the first layer reads the same states: two gradients are added in another order
            assertSame(model, fixture.modelInput(), leaves, name.endsWith("_conv") ? 1e-6 : 0);
        }
    }

    /** A product as long as this adds the bias before or after its last block. */
    @Test
    void wideLayersWithBiasesGetTheSameGradientsOfOneLongRow() throws Exception {
        LlamaConfig plain = LlamaConfig.of(32, 1024, 2, 8, 8, 1100, 128);
        LlamaConfig config = new LlamaConfig(plain.sizes(), plain.rope(), true, true, 0);
        try (Threads two = Threads.of(2);
                NativeScope scope = new NativeScope();
                Model model = LlamaModel.random(config, DeviceSpec.CPU, Dtype.F32, 1)) {
            Map<String, Tensor> leaves = model.weights().asMap();
            leaves.forEach((name, weight) -> {
                if (name.endsWith("bias")) {
                    weight.normal_();
                }
                weight.set_requires_grad(true);
            });
            long[] ids = LongStream.range(0, 100).map(i -> i * i % 32).toArray();
            assertSame(model, new TokenInput(Tensors.of(ids, 1, ids.length), null), leaves, 0);
        }
    }

    /** Of 50 layers two at a time, of 130 three, the last group shorter. */
    @ParameterizedTest
    @ValueSource(ints = {50, 130})
    void aDeepDecoderIsComputedAgainInGroups(int layers) throws Exception {
        assertTrue(ActivationCheckpoint.group(layers) > 1);
        try (NativeScope scope = new NativeScope();
                Model model =
                        LlamaModel.random(LlamaConfig.of(32, 16, layers, 2, 2, 24, 16), DeviceSpec.CPU, Dtype.F32, 1)) {
            Map<String, Tensor> leaves = model.weights().asMap();
            leaves.values().forEach(weight -> weight.set_requires_grad(true));
            TokenInput input = new TokenInput(Tensors.of(new long[] {1, 2, 3, 4, 5, 6}, 2, 3), null);
            assertSame(model, input, leaves, 0);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "gemma2_cap",
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
                "deepseek_v2_groups",
                "qwen2_moe",
                "stablelm_parallel",
                "glm4",
                "cohere2",
                "cohere",
                "lfm2",
                "lfm2_bias",
                "gpt_neo",
                "gpt_neox",
                "opt",
                "opt_post",
                "phi",
                "starcoder2",
                "olmo2",
                "qwen3_moe",
                "llama_gqa",
                "gpt2",
                "bert_cls",
                "deberta_v3_tok",
                "modernbert_cls",
                "mpnet_cls",
                "electra_cls",
                "albert_cls",
                "albert_tok",
                "vit_cls",
                "dinov2_swiglu"
            })
    void adaptersOfAFrozenModelToo(String name) throws Exception {
        adapters(name, LoadIn.FULL, false);
        adapters(name, LoadIn.FULL, true);
    }

    @Test
    void aQuantisedBaseToo() throws Exception {
        adapters("llama_gqa", LoadIn.NF4, false);
        adapters("qwen2", LoadIn.INT8, true);
    }

    /** Where the last layer has no adapter, its frozen matrix alone leads back. */
    @ParameterizedTest
    @EnumSource(LoadIn.class)
    void adaptersOfAttentionAlone(LoadIn loadIn) throws Exception {
        TargetModules attention = TargetModules.regex(".*(q_proj|v_proj)");
        adapters("llama_gqa", loadIn, new LoraConfig(4, 8, 0.2, attention, null, false, List.of()));
    }

    private static void adapters(String name, LoadIn loadIn, boolean dora) throws Exception {
        adapters(
                name,
                loadIn,
                new LoraConfig(4, 8, 0.2, TargetModules.allLinear(), null, false, List.of()).withDora(dora));
    }

    private static void adapters(String name, LoadIn loadIn, LoraConfig config) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model model = Models.open(
                        fixture.directory(),
                        ModelOptions.of(Models.defaultTask(fixture.directory())).withLoadIn(loadIn));
                LoraAdapter adapter = LoraAdapter.create(model, config, 3)) {
            adapter.addProbes();
            adapter.drawProbes(1, 1);
            adapter.setTraining(true);
            Map<String, Tensor> leaves = new LinkedHashMap<>();
            adapter.layers().forEach((path, layer) -> {
                leaves.put(path + ".A", layer.loraA());
                leaves.put(path + ".B", layer.loraB());
                leaves.put(path + ".sink", layer.probeSink());
                if (layer.magnitude() != null) {
                    leaves.put(path + ".m", layer.magnitude());
                }
            });
            assertSame(model, fixture.modelInput(), leaves, 0);
        }
    }
}
