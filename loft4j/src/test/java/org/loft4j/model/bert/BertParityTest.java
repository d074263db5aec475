package org.loft4j.model.bert;

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
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** Against Transformers' BertForSequenceClassification. */
class BertParityTest {
    private static final double LOGITS = 5e-6;
    private static final double LOSS = 1e-5;
    private static final double GRADIENT = 5e-5;

    private static final ModelOptions OPTIONS = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);

    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F32", "F64"})
    void logitsHiddenStatesLossAndGradientsOfAPaddedBatch(Dtype dtype) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("bert_cls");
                Model model = Models.open(fixture.directory(), OPTIONS.withDtype(dtype))) {
            assertEquals(Pooling.POOLER, model.description().pooling());
            TokenInput input = fixture.input();
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            Tensor logits = model.logits(input);
            Fixture.assertClose(fixture.expected("base.logits"), logits, null, LOGITS);
            Fixture.assertClose(
                    fixture.expected("base.hidden_states"), model.hiddenStates(input), input.attentionMask(), LOGITS);
            Tensor labels = fixture.read("labels");
            Tensor loss = Losses.classification(logits, labels);
            assertEquals(Fixture.scalar(fixture.expected("base.loss")), Fixture.scalar(loss), LOSS);
            assertEquals(
                    3 * Fixture.scalar(loss), Fixture.scalar(Losses.classificationSum(logits, labels, 0, null)), LOSS);
            loss.backward();
            fixture.assertGradients(model, "base.grad.", GRADIENT);
        }
    }

    @Test
    void oneRowWithoutAMask() throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("bert_cls");
                Model model = Models.open(fixture.directory(), OPTIONS)) {
            Tensor first = fixture.input().inputIds().narrow(0, 0, 1);
            Fixture.assertClose(
                    fixture.expected("base.logits_row0_nomask"),
                    model.logits(new TokenInput(first, null)),
                    null,
                    LOGITS);
        }
    }
}
