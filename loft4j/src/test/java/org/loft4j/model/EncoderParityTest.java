package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Encoders with heads for texts, tokens and images, against Transformers' classes. */
class EncoderParityTest {
    private static final double LOGITS = 5e-6;
    private static final double LOSS = 1e-5;
    private static final double GRADIENT = 5e-5;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bert_tok",
                "roberta_cls",
                "distilbert_cls",
                "deberta_v3_tok",
                "deberta_v2_cls",
                "deberta_v2_cls_conv",
                "deberta_v2_cls_default",
                "modernbert_cls",
                "modernbert_mean",
                "modernbert_tok",
                "mpnet_cls",
                "mpnet_tok",
                "electra_cls",
                "electra_tok",
                "albert_cls",
                "albert_tok",
                "vit_cls",
                "vit_rect",
                "vit_nobias",
                "deit",
                "dinov2",
                "dinov2_swiglu",
                "dinov2_registers"
            })
    void logitsHiddenStatesLossAndGradients(String name) throws IOException {
        for (Dtype dtype : new Dtype[] {Dtype.F32, Dtype.F64}) {
            try (NativeScope scope = new NativeScope();
                    Fixture fixture = Fixture.open(name);
                    Model model = open(fixture, dtype)) {
                ModelInput input = fixture.modelInput();
                model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
                Tensor mask = input instanceof TokenInput tokens ? tokens.attentionMask() : null;
                Tensor logits = model.logits(input);
                Fixture.assertClose(fixture.expected("base.logits"), logits, ofTokens(model) ? mask : null, LOGITS);
                if (fixture.hasExpected("base.hidden_states")) {
                    Fixture.assertClose(
                            fixture.expected("base.hidden_states"), model.hiddenStates(input), mask, LOGITS);
                }
                Tensor loss = loss(model, logits, fixture.read("labels"));
                assertEquals(Fixture.scalar(fixture.expected("base.loss")), Fixture.scalar(loss), LOSS);
                loss.backward();
                fixture.assertGradients(model, "base.grad.", GRADIENT);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bert_tok",
                "roberta_cls",
                "distilbert_cls",
                "deberta_v3_tok",
                "deberta_v2_cls",
                "deberta_v2_cls_conv",
                "deberta_v2_cls_default",
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
    void neitherTheSideOfPaddingNorWhatIsThereMatters(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model model = open(fixture, null)) {
            Tensor expected = fixture.expected("base.logits");
            TokenInput right = fixture.input();
            TokenInput left =
                    new TokenInput(fixture.expected("left.input_ids"), fixture.expected("left.attention_mask"));
            Tensor padded = left.attentionMask().eq(new Scalar(0));
            assertTrue(padded.select(1, 0).any().item_bool());
            TokenInput filled =
                    new TokenInput(left.inputIds().masked_fill(padded, new Scalar(77)), left.attentionMask());
            for (TokenInput other : new TokenInput[] {left, filled}) {
                Fixture.assertClose(
                        tokens(model, expected, right), tokens(model, model.logits(other), other), null, LOGITS);
            }
            Tensor alone = right.inputIds().narrow(0, 2, 1).narrow(1, 0, 7);
            Fixture.assertClose(
                    fixture.expected("base.logits_row2_alone"),
                    model.logits(new TokenInput(alone, null)),
                    null,
                    LOGITS);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "roberta_cls",
                "distilbert_cls",
                "deberta_v2_cls",
                "deberta_v2_cls_conv",
                "modernbert_cls",
                "modernbert_mean",
                "mpnet_cls",
                "electra_cls",
                "albert_cls",
                "vit_rect",
                "dinov2",
                "dinov2_registers"
            })
    void bfloat16IsAsNearAsTransformersIs(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model model = open(fixture, Dtype.BF16)) {
            Tensor exact = fixture.expected("base.logits");
            double theirs = distance(exact, fixture.expected("bf16.logits"));
            double ours = distance(exact, model.logits(fixture.modelInput()));
            assertTrue(ours <= 2.5 * theirs, "off by " + ours + ", Transformers by " + theirs);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "roberta_cls",
                "distilbert_cls",
                "deberta_v2_cls_conv",
                "modernbert_mean",
                "mpnet_cls",
                "electra_cls",
                "albert_cls"
            })
    void aRowWithoutAnyTokenStaysFinite(String name) throws IOException {
        for (Dtype dtype : new Dtype[] {Dtype.F32, Dtype.BF16, Dtype.F16}) {
            try (NativeScope scope = new NativeScope();
                    Fixture fixture = Fixture.open(name);
                    Model model = open(fixture, dtype)) {
                Tensor ids = Tensors.of(new long[] {5, 6, 7, 8}, 2, 2);
                Tensor mask = Tensors.of(new long[] {1, 1, 0, 0}, 2, 2);
                Tensor logits = model.logits(new TokenInput(ids, mask));
                assertTrue(
                        Double.isFinite(logits.sum().to(Dtype.F64.scalarType()).item_double()));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "roberta_cls",
                "distilbert_cls",
                "deberta_v2_cls_conv",
                "deberta_v3_tok",
                "modernbert_mean",
                "modernbert_tok",
                "mpnet_tok",
                "electra_cls",
                "albert_cls",
                "vit_rect",
                "deit",
                "dinov2",
                "dinov2_swiglu",
                "dinov2_registers"
            })
    void newWeightsFollowTheSeedAndDropoutTheMode(String name) throws IOException {
        ModelOptions options = ModelOptions.of(Models.defaultTask(Fixture.directory(name)));
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model one = Models.initialise(fixture.directory(), options.withSeed(1));
                Model same = Models.initialise(fixture.directory(), options.withSeed(1));
                Model other = Models.initialise(fixture.directory(), options.withSeed(2))) {
            double[] logits = Tensors.toDoubles(one.logits(fixture.modelInput()));
            assertArrayEquals(logits, Tensors.toDoubles(same.logits(fixture.modelInput())));
            assertFalse(java.util.Arrays.equals(logits, Tensors.toDoubles(other.logits(fixture.modelInput()))));
            assertTrue(one.linears().containsValue(one.head()));
            one.headModules()
                    .forEach(module -> assertTrue(
                            one.weights().asMap().keySet().stream().anyMatch(weight -> weight.startsWith(module + ".")),
                            module));
        }
    }

    private static Model open(Fixture fixture, Dtype dtype) throws IOException {
        Task task = Models.defaultTask(fixture.directory());
        return Models.open(fixture.directory(), ModelOptions.of(task).withDtype(dtype));
    }

    private static boolean ofTokens(Model model) {
        return model.task() == Task.TOKEN_CLASSIFICATION;
    }

    private static Tensor loss(Model model, Tensor logits, Tensor labels) {
        return ofTokens(model) ? Losses.tokenClassification(logits, labels) : Losses.classification(logits, labels);
    }

    /** The logits of texts, or those of the tokens without the padding, {@code (rows, labels)}. */
    private static Tensor tokens(Model model, Tensor logits, TokenInput input) {
        if (!ofTokens(model)) {
            return logits;
        }
        Tensor at = input.attentionMask().flatten().nonzero().squeeze(1);
        return logits.flatten(0, 1).index_select(0, at);
    }

    private static double distance(Tensor a, Tensor b) {
        return a.to(Dtype.F64.scalarType())
                .sub(b.to(Dtype.F64.scalarType()))
                .abs()
                .max()
                .item_double();
    }
}
