package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Every family of decoders and every head against Transformers: a batch padded on the right and on the left, and one row. */
class DecoderParityTest {
    private static final double LOGITS = 2e-5;
    private static final double LOSS = 1e-5;
    private static final double GRADIENT = 5e-5;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "gpt2",
                "mistral_sw",
                "qwen2",
                "qwen3",
                "gemma2_cap",
                "gemma3_text",
                "gemma3_text_mixed",
                "phi3_longrope_short",
                "phi3_partial",
                "llama3_rope_tied",
                "llama_dynamic",
                "llama_yarn",
                "llama_yarn_mscale",
                "qwen2_sliding",
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
                "mistral3_ministral3",
                "gemma3_cls",
                "gemma3_both",
                "qwen3_moe",
                "mixtral_sw",
                "olmoe",
                "gpt_oss",
                "gpt_oss_mxfp4",
                "qwen3_5",
                "qwen3_5_text",
                "qwen3_5_moe",
                "qwen3_5_moe_text",
                "qwen3_next",
                "qwen3_next_tied",
                "qwen3_5_cls",
                "qwen2_cls",
                "llama_tok",
                "gpt2_cls",
                "gpt2_tok",
                "gpt2_inverse_layer"
            })
    void logitsLossAndGradientsAreThoseOfTransformers(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model model = open(fixture, null)) {
            TokenInput input = fixture.input();
            Tensor mask = model.task().isOneLabelEach() ? null : input.attentionMask();
            boolean gradients = fixture.hasExpected("base.grad.");
            model.weights().trainable().values().forEach(weight -> weight.set_requires_grad(true));
            Tensor logits = model.logits(input);
            Fixture.assertClose(fixture.expected("base.logits"), logits, mask, LOGITS);
            if (fixture.hasExpected("base.hidden_states")) {
                Fixture.assertClose(
                        fixture.expected("base.hidden_states"),
                        model.hiddenStates(input),
                        input.attentionMask(),
                        LOGITS);
            }
            Tensor loss = loss(model, logits, fixture.read("labels"));
            assertEquals(Fixture.scalar(fixture.expected("base.loss")), Fixture.scalar(loss), LOSS);
            if (gradients) {
                loss.backward();
                fixture.assertGradients(model, "base.grad.", GRADIENT);
            }
            Tensor first = input.inputIds().narrow(0, 0, 1);
            Fixture.assertClose(
                    fixture.expected("base.logits_row0_nomask"),
                    model.logits(new TokenInput(first, null)),
                    null,
                    LOGITS);
            if (fixture.hasExpected("base.logits_row2_alone")) {
                Tensor last = input.inputIds().narrow(0, 2, 1).narrow(1, 0, 7);
                Fixture.assertClose(
                        fixture.expected("base.logits_row2_alone"),
                        model.logits(new TokenInput(last, null)),
                        null,
                        LOGITS);
            }
            if (fixture.hasExpected("left.logits")) {
                Tensor leftMask = fixture.expected("left.attention_mask");
                Fixture.assertClose(
                        fixture.expected("left.logits"),
                        model.logits(new TokenInput(fixture.expected("left.input_ids"), leftMask)),
                        mask == null ? null : leftMask,
                        LOGITS);
            }
        }
    }

    /** Linear attention remembers from chunk to chunk, and Llama 4 sees nothing before its chunk; over so many tokens rounding grows, in both alike. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "qwen3_5",
                "qwen3_5_text",
                "qwen3_5_moe",
                "qwen3_5_moe_text",
                "qwen3_next",
                "qwen3_next_tied",
                "llama4",
                "llama4_text",
                "lfm2",
                "lfm2_bias",
                "granitemoehybrid_h",
                "granitemoehybrid_h_groups",
                "granitemoehybrid_moe"
            })
    void textsOfSeveralChunksAreThoseOfTransformers(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Fixture fixture = Fixture.open(name);
                Model wide = open(fixture, Dtype.F64);
                Model model = open(fixture, null)) {
            TokenInput input = new TokenInput(fixture.expected("long.input_ids"), null);
            Tensor exact = wide.hiddenStates(input);
            double theirs = distance(exact, fixture.expected("long.hidden_states"), null);
            double ours = distance(exact, model.hiddenStates(input), null);
            assertTrue(theirs < 1e-5 * exact.norm().item_double(), "Transformers' is off by " + theirs);
            assertTrue(ours < 1.5 * theirs, "ours is off by " + ours + ", Transformers' by " + theirs);
        }
    }

    private static Tensor loss(Model model, Tensor logits, Tensor labels) {
        return switch (model.task()) {
            case CAUSAL_LM -> Losses.causalLm(logits, labels);
            case TOKEN_CLASSIFICATION -> Losses.tokenClassification(logits, labels);
            default -> Losses.classification(logits, labels);
        };
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "gemma2_cap",
                "gemma3_text",
                "gemma3_both",
                "phi3_partial",
                "llama3_rope_tied",
                "qwen2_sliding",
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
                "gpt_oss",
                "gpt_oss_mxfp4",
                "mistral3_ministral3",
                "qwen3_5",
                "qwen3_5_text",
                "qwen3_5_moe",
                "qwen3_5_moe_text",
                "qwen3_next",
                "qwen3_next_tied",
                "gpt2_inverse_layer",
                "gpt2_cls",
                "llama_tok"
            })
    void bfloat16IsAsNearAsItsRoundingAllows(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Fixture fixture = Fixture.open(name);
                Model model = open(fixture, Dtype.BF16)) {
            TokenInput input = fixture.input();
            Tensor mask = model.task().isOneLabelEach() ? null : input.attentionMask();
            Tensor exact = fixture.expected("base.logits");
            double theirs = distance(exact, fixture.expected("bf16.logits"), mask);
            double ours = distance(exact, model.logits(input), mask);
            assertTrue(ours < 1.5 * theirs, "ours is off by " + ours + ", Transformers' by " + theirs);
        }
    }

    /**
     * The first token of a row is predicted from padding, which sees all columns alike, or in GPT-2 the padding before it; its
     * vector is not trained, but in GPT-2.
     */
    @ParameterizedTest
    @CsvSource({
        "llama3_rope_tied, model.embed_tokens.weight",
        "gpt2_inverse_layer, transformer.wte.weight",
        "gpt_oss, model.embed_tokens.weight",
        "opt, model.decoder.embed_tokens.weight",
        "gpt_neo, transformer.wte.weight"
    })
    void gradientsOfABatchPaddedOnTheLeftAreThoseOfTransformers(String name, String embedding) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                SafetensorsFile left = SafetensorsFile.open(fixture.directory().resolve("left.safetensors"));
                Model model = open(fixture, null)) {
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            Tensor logits = model.logits(
                    new TokenInput(fixture.expected("left.input_ids"), fixture.expected("left.attention_mask")));
            Tensor loss = Losses.causalLm(logits, left.read("left.labels"));
            assertEquals(Fixture.scalar(left.read("left.loss")), Fixture.scalar(loss), LOSS);
            loss.backward();
            for (String key : left.names()) {
                if (key.startsWith("left.grad.")) {
                    assertGradient(left.read(key), model, key.substring("left.grad.".length()));
                }
            }
            assertGradient(left.read("left.first_rows." + embedding), model, embedding);
        }
    }

    /** The first rows of a gradient, relative in the Frobenius norm. */
    private static void assertGradient(Tensor expected, Model model, String name) {
        Tensor actual = model.weights().get(name).grad().narrow(0, 0, expected.size(0));
        double difference = actual.sub(expected).norm().item_double();
        assertTrue(difference <= GRADIENT * expected.norm().item_double(), name + " is off by " + difference);
    }

    /** Transformers looks for the last id that is not the padding, whatever the mask says. */
    @ParameterizedTest
    @ValueSource(strings = {"qwen2_cls", "gpt2_cls", "gemma3_cls", "qwen3_5_cls", "phi_cls", "opt_cls", "gpt_neo_cls"})
    void aClassifierPassesOverPaddingTokensAtTheEndOfAText(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model model = open(fixture, null)) {
            Tensor whole = Tensors.of(new long[] {5, 0, 9, 7, 0, 0, 4, 8, 6, 3, 11, 12}, 2, 6);
            Tensor mask = Tensors.of(new long[] {1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1}, 2, 6);
            Tensor shorter = Tensors.of(new long[] {5, 0, 9, 7}, 1, 4);
            Tensor logits = model.logits(new TokenInput(whole, mask));
            Fixture.assertClose(model.logits(new TokenInput(shorter, null)), logits.narrow(0, 0, 1), null, LOGITS);
            Fixture.assertClose(
                    model.logits(new TokenInput(whole.narrow(0, 1, 1), null)), logits.narrow(0, 1, 1), null, LOGITS);
        }
    }

    private static double distance(Tensor exact, Tensor actual, Tensor mask) {
        Tensor difference = actual.to(Dtype.F64.scalarType()).sub(exact.to(Dtype.F64.scalarType()));
        return (mask == null ? difference : difference.mul(mask.unsqueeze(-1)))
                .norm()
                .item_double();
    }

    private static Model open(Fixture fixture, Dtype dtype) throws Exception {
        Task task = Models.defaultTask(fixture.directory());
        return Models.open(fixture.directory(), ModelOptions.of(task).withDtype(dtype));
    }
}
