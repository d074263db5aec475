package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.loft4j.NotFiniteException;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

class FiniteLogitsTest {
    private static final float INFINITY = Float.POSITIVE_INFINITY;

    private static String refusal(Executable work) {
        return String.valueOf(assertThrows(NotFiniteException.class, work).getMessage());
    }

    @Test
    void noTokenIsChosenAmongWhatIsNoNumber() throws Exception {
        try (Model model = Models.open(
                Fixture.directory("stories260K"),
                ModelOptions.of(Task.CAUSAL_LM).withDtype(Dtype.F16))) {
            for (float[] bad : List.of(
                    new float[] {1, 2, Float.NaN, 3},
                    new float[] {Float.NaN, 2},
                    new float[] {1, INFINITY, 2},
                    new float[] {-INFINITY, -INFINITY})) {
                for (double temperature : new double[] {0, 0.7}) {
                    SamplingConfig sampling = new SamplingConfig(temperature, 0, 1, 0, 1, 1);
                    Generator generator =
                            new Generator(ScriptedDecoder.of((Decoder) model, i -> i == 0 ? new float[] {0, 1} : bad));
                    String message = refusal(() -> generator.generate(
                            List.of(new long[] {1}, new long[] {1}), 4, Set.of(), sampling, (row, id) -> true));
                    assertEquals(
                            "the logits of this llama are not finite in float16, whose range ends at 65504: open it as"
                                    + " bfloat16 or float32 (--dtype)",
                            message,
                            Arrays.toString(bad));
                }
            }
            float[] ruledOut = {-INFINITY, 2, -INFINITY};
            Generator generator = new Generator(ScriptedDecoder.of((Decoder) model, i -> ruledOut));
            assertDoesNotThrow(() -> generator.greedy(new long[] {1}, 2, Set.of()));
        }
    }

    @Test
    void noClassIsChosenAmongWhatIsNoNumber() throws Exception {
        for (Task task : List.of(Task.SEQUENCE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION)) {
            ModelOptions options = ModelOptions.of(task).withLabels(List.of("a", "b", "c"));
            try (NativeScope scope = new NativeScope();
                    Model model = Models.open(Fixture.directory("bert_cls"), options);
                    Tokenizer tokenizer =
                            Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
                try (AutoGradMode frozen = new AutoGradMode(false)) {
                    model.weights().get("classifier.bias").fill_(new Scalar(Double.NaN));
                }
                String message = refusal(
                        task == Task.TOKEN_CLASSIFICATION
                                ? () -> new TokenClassifier(model, tokenizer, 16).classify("the cat")
                                : () -> new TextClassifier(model, tokenizer, 16, 2).classify(List.of("the cat")));
                assertTrue(
                        message.startsWith("the logits of this bert are not finite in float32: its weights or"),
                        message);
            }
        }
    }
}
