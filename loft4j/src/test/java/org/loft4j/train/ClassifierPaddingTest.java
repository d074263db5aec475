package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.data.ChatTemplate;
import org.loft4j.io.Json;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The tokenizer of stories260K has no padding token, so that its end, 2, is padded with. */
class ClassifierPaddingTest {
    private static final ModelOptions CLASSIFIER =
            ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("no", "yes"));

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "llama, SEQUENCE_CLASSIFICATION, , 512, false, 2",
        "llama, SEQUENCE_CLASSIFICATION, -1, 512, false, 2",
        "llama, SEQUENCE_CLASSIFICATION, 0, 512, false, -1",
        "llama, SEQUENCE_CLASSIFICATION, , 512, true, -1",
        "llama, SEQUENCE_CLASSIFICATION, , 2, false, -1",
        "llama, TOKEN_CLASSIFICATION, , 512, false, -1",
        "llama, CAUSAL_LM, , 512, false, -1",
        "bert, SEQUENCE_CLASSIFICATION, , 512, false, -1",
    })
    void itIsNamedWhereItLacksAndEndsNoText(
            String family, Task task, Integer stated, int vocabulary, boolean endsTexts, long expected)
            throws IOException {
        Path base = base(family, stated, vocabulary, endsTexts);
        List<String> labels = task.isClassification() ? List.of("no", "yes") : List.of();
        try (Model model = Models.initialise(base, ModelOptions.of(task).withLabels(labels))) {
            assertEquals(expected, ClassifierPadding.id(model, base, null));
            assertEquals(-1, ClassifierPadding.id(model, null, null));
            Files.writeString(base.resolve("tokenizer.json"), "{}");
            assertEquals(-1, ClassifierPadding.id(model, base, null));
        }
    }

    /** Of conversations the template writes the end: an id that is passed over must not be the token that was read. */
    @ParameterizedTest
    @CsvSource({"{{ m.content }}{{ eos_token }}, -1", "{{ m.content }}{{ eos_token }}., 2", "{{ nobody.at.all }}, -1"})
    void itEndsNoConversationThatWasLearnt(String turn, long expected) throws IOException {
        Path base = base("llama", null, 512, false);
        Path file = Files.writeString(
                folder.resolve("turns.jinja"), "{% for m in messages %}{{ bos_token }}" + turn + "{% endfor %}");
        ChatTemplate chat = ChatTemplate.read(file, base);
        try (Model model = Models.initialise(base, CLASSIFIER)) {
            assertEquals(expected, ClassifierPadding.id(model, base, chat));
        }
    }

    /** Rows padded on the right and on the left are read where the mask ends them, before the id is known and after. */
    @Test
    void aSavedClassifierNamesItAndAnswersAsBefore() throws IOException {
        Path base = base("llama", null, 512, false);
        Path saved = Files.createDirectory(folder.resolve("saved"));
        Tensor ids = Tensors.of(new long[] {1, 40, 50, 60, 1, 70, 2, 2, 2, 2, 1, 80}, 3, 4);
        Tensor mask = Tensors.of(new long[] {1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1}, 3, 4);
        double[] before;
        try (NativeScope scope = new NativeScope();
                Model model = Models.initialise(base, CLASSIFIER);
                Trainable trainable = Trainable.create(
                        model, null, TinyRun.config(Method.FULL).build())) {
            before = Tensors.toDoubles(model.logits(new TokenInput(ids, mask)));
            // a base may be gone by the end
            Files.delete(base.resolve("tokenizer.json"));
            trainable.save(saved);
            Files.delete(base.resolve("config.json"));
            trainable.save(Files.createDirectory(folder.resolve("later")));
        }
        assertEquals(2, Json.read(saved.resolve("config.json")).requireLong("pad_token_id"));
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(saved, CLASSIFIER)) {
            assertArrayEquals(before, Tensors.toDoubles(model.logits(new TokenInput(ids, mask))));
        }
    }

    private Path base(String family, Integer padId, int vocabulary, boolean endsTexts) throws IOException {
        Path stories = Fixture.directory("stories260K");
        Path base = Files.createDirectory(folder.resolve("base"));
        ObjectNode config = Json.read(stories.resolve("config.json")).toTree();
        config.put("model_type", family).put("vocab_size", vocabulary).put("pad_token_id", padId);
        Json.write(base.resolve("config.json"), config);
        Files.copy(stories.resolve("tokenizer.json"), base.resolve("tokenizer.json"));
        ObjectNode tokenizer =
                Json.read(stories.resolve("tokenizer_config.json")).toTree();
        Json.write(base.resolve("tokenizer_config.json"), tokenizer.put("add_eos_token", endsTexts));
        return base;
    }
}
