package org.loft4j.model.llama;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** Against Transformers: a random Llama with grouped queries, and the trained stories260K with tied embeddings. */
class LlamaParityTest {
    private static final double LOGITS = 2e-5;
    private static final double LOSS = 1e-5;
    private static final double GRADIENT = 5e-5;

    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F32", "F64"})
    void logitsHiddenStatesLossAndGradientsOfAPaddedBatch(Dtype dtype) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("llama_gqa");
                Model model = Models.open(
                        fixture.directory(), ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype))) {
            TokenInput input = fixture.input();
            Tensor mask = input.attentionMask();
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            Tensor logits = model.logits(input);
            Fixture.assertClose(fixture.expected("base.logits"), logits, mask, LOGITS);
            Fixture.assertClose(fixture.expected("base.hidden_states"), model.hiddenStates(input), mask, LOGITS);
            Tensor labels = fixture.read("labels");
            Tensor loss = Losses.causalLm(logits, labels);
            assertEquals(Fixture.scalar(fixture.expected("base.loss")), Fixture.scalar(loss), LOSS);
            assertEquals(28 * Fixture.scalar(loss), Fixture.scalar(Losses.causalLmSum(logits, labels, 0)), 28 * LOSS);
            loss.backward();
            fixture.assertGradients(model, "base.grad.", GRADIENT);
        }
    }

    @Test
    void oneRowWithoutAMask() throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("llama_gqa");
                Model model = Models.open(fixture.directory(), ModelOptions.of(Task.CAUSAL_LM))) {
            Tensor first = fixture.input().inputIds().narrow(0, 0, 1);
            Fixture.assertClose(
                    fixture.expected("base.logits_row0_nomask"),
                    model.logits(new TokenInput(first, null)),
                    null,
                    LOGITS);
        }
    }

    @Test
    void aTrainedModelWithTiedEmbeddings() throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("stories260K", "stories260K-expected.safetensors");
                Model model = Models.open(fixture.directory(), ModelOptions.of(Task.CAUSAL_LM))) {
            assertEquals(260_032, model.weights().elements());
            Tensor once = fixture.read("once.input_ids");
            Tensor onceLogits = model.logits(new TokenInput(once, null));
            Fixture.assertClose(fixture.expected("once.logits"), onceLogits, null, LOGITS);
            assertEquals(
                    Fixture.scalar(fixture.expected("once.loss")),
                    Fixture.scalar(Losses.causalLm(onceLogits, once)),
                    LOSS);

            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            Tensor text = fixture.read("text.input_ids");
            Tensor logits = model.logits(new TokenInput(text, null));
            Fixture.assertClose(fixture.expected("text.logits"), logits, null, LOGITS);
            Tensor loss = Losses.causalLm(logits, text);
            assertEquals(Fixture.scalar(fixture.expected("text.loss")), Fixture.scalar(loss), LOSS);
            loss.backward();
            fixture.assertGradients(model, "text.grad.", GRADIENT);
        }
    }
}
