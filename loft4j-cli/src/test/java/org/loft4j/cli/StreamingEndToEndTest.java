package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code loft train --streaming}. */
class StreamingEndToEndTest {
    private static final Path STORIES = Fixtures.of("stories260K");

    @TempDir
    Path folder;

    private Captured train(Path rows, String... more) {
        return train(STORIES, rows, more);
    }

    private Captured train(Path model, Path rows, String... more) {
        return Captured.loft(Stream.concat(
                        Stream.of(
                                "train",
                                "--model",
                                model.toString(),
                                "--data",
                                rows.toString(),
                                "--streaming",
                                "--shuffle-buffer",
                                "24",
                                "--method",
                                "lora",
                                "--rank",
                                "4",
                                "--batch-size",
                                "8",
                                "--output",
                                folder.resolve("run").toString()),
                        Stream.of(more))
                .toArray(String[]::new));
    }

    @Test
    void aClassifierLearnsFromRowsThatAreReadAsTheyAreLearnt() throws Exception {
        Path rows = TinyModels.colours(folder.resolve("colours.csv"), 64);
        Captured call = train(
                rows,
                "--task",
                "sequence-classification",
                "--eval-data",
                rows.toString(),
                "--learning-rate",
                "1e-2",
                "--epochs",
                "6");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.err().contains("64 rows of \"text\" and \"label\""), call.err());
        assertTrue(call.err().contains("64 rows and 64 held out, 48 steps"), call.err());
        String settings = Files.readString(folder.resolve("run/config.yaml"));
        assertTrue(settings.contains("streaming: true") && settings.contains("shuffle_buffer_size: 24"), settings);
        assertTrue(call.out().contains("accuracy 1.0000"), call.out());
    }

    @Test
    void aShareIsHeldOutByHash() throws Exception {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 60; i++) {
            lines.append("{\"text\": \"Lily saw ").append(i).append(" birds\"}\n");
        }
        Path rows = Files.writeString(folder.resolve("stories.jsonl"), lines);
        Captured call = train(rows, "--task", "causal-lm", "--eval-share", "0.2", "--max-steps", "2");
        assertEquals(0, call.status(), call.err());
        assertTrue(call.err().contains("60 rows of \"text\" without a label"), call.err());
        assertTrue(Files.readString(folder.resolve("run/metrics.jsonl")).contains("eval_loss"));
    }

    /** Rows that are all alike to begin with, and short, show neither what cuts the later ones nor what makes tokens of them. */
    @Test
    void whatTheFirstRowsDoNotShowIsComparedOnResumeToo() throws Exception {
        Path model = Fixtures.copy("stories260K", folder.resolve("stories"));
        Path rows = Files.writeString(
                folder.resolve("stories.jsonl"), "{\"prompt\": \"Once\", \"completion\": \" upon\"}\n".repeat(120));
        Path template = Files.writeString(
                folder.resolve("own.jinja"), "{% for m in messages %}{{ m.content }}{% endfor %}{{ tail }}");
        String[] call = {"--max-steps", "2", "--chat", "--chat-template", template.toString()};
        assertEquals(0, train(model, rows, with(call, "--max-length", "64")).status());
        String[] again = with(call, "--resume", "--max-length");
        assertEquals(0, train(model, rows, with(again, "64")).status());
        Captured shorter = train(model, rows, with(again, "32"));
        assertEquals(2, shorter.status());
        assertTrue(shorter.err().contains("max_length was 64 and is now 32;"), shorter.err());
        Captured other = train(model, rows, with(again, "64", "--chat-template-kwargs", "unused=1"));
        assertEquals(2, other.status());
        assertTrue(other.err().contains("chat_format was "), other.err());
        Path config = model.resolve("tokenizer_config.json");
        Files.writeString(config, Files.readString(config) + "\n");
        Captured tokenizer = train(model, rows, with(again, "64"));
        assertEquals(2, tokenizer.status());
        assertTrue(tokenizer.err().contains("tokenizer was "), tokenizer.err());
    }

    private static String[] with(String[] call, String... more) {
        return Stream.concat(Stream.of(call), Stream.of(more)).toArray(String[]::new);
    }

    @Test
    void aConversationThatCannotBeLearntIsToldBeforeTheTraining() throws Exception {
        Path template = Files.writeString(
                folder.resolve("chat.jinja"),
                "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
                        + "{{ m.content }}{% endfor %}");
        String good = "{\"messages\": [{\"role\": \"user\", \"content\": \"Once upon a time there was a\"},"
                + " {\"role\": \"assistant\", \"content\": \" little girl\"}]}\n";
        Path rows = Files.writeString(
                folder.resolve("chats.jsonl"), good.repeat(120) + good.replace("\"user\"", "\"system\"") + good);
        String[] more = {"--chat-template", template.toString(), "--max-steps", "1", "--max-length", "8"};
        Captured refused = train(rows, more);
        assertEquals(1, refused.status(), refused.err());
        assertTrue(
                refused.err().contains(rows + ", line 121: " + template + ": chat template, line 1: no system"),
                refused.err());
        assertFalse(Files.exists(folder.resolve("run/config.yaml")));
        Files.writeString(rows, good.repeat(122));
        Captured call = train(rows, more);
        assertEquals(0, call.status(), call.err());
        assertTrue(call.err().contains("122 of 122 training rows were cut to 8 tokens"), call.err());
        Captured again = train(rows, more);
        assertEquals(2, again.status());
        assertTrue(again.err().contains("holds a run already"), again.err());
        assertFalse(again.err().contains("tokenizing each row"), "what is refused is refused first: " + again.err());
        Captured resumed = train(rows, with(more, "--resume"));
        assertEquals(0, resumed.status(), resumed.err());
        assertFalse(resumed.err().contains("tokenizing each row"), resumed.err());
    }

    /** Beside a prompt as a text one as messages, as of files that were put together: it needs the template however late it comes. */
    @Test
    void theFirstConversationMayBeFarBehindTheFirstRows() throws Exception {
        Path template =
                Files.writeString(folder.resolve("chat.jinja"), "{% for m in messages %}{{ m.content }}{% endfor %}");
        String text = "{\"prompt\": \"Once upon a time\", \"completion\": \" there was\"}\n";
        String turns = "{\"prompt\": [{\"role\": \"user\", \"content\": \"Once upon a time\"}],"
                + " \"completion\": [{\"role\": \"assistant\", \"content\": \" there was\"}]}\n";
        Path rows = Files.writeString(folder.resolve("prompts.jsonl"), text.repeat(120) + turns);
        String[] more = {"--chat-template", template.toString(), "--max-steps", "1"};
        Captured call = train(rows, more);
        assertEquals(0, call.status(), call.err());
        Path learnt = Files.writeString(folder.resolve("learnt.jsonl"), text.repeat(12));
        Path held = Files.writeString(folder.resolve("held.jsonl"), text + turns);
        Captured evaluated = train(learnt, with(more, "--overwrite", "--eval-data", held.toString()));
        assertEquals(0, evaluated.status(), evaluated.err());
    }

    /** As where tokens were added to a tokenizer, and the embedding was not enlarged for them. */
    @Test
    void aTokenWithoutAVectorIsToldBeforeTheTraining() throws Exception {
        Path model = Fixtures.copy("stories260K", folder.resolve("stories"));
        Path tokenizer = model.resolve("tokenizer.json");
        String added = Files.readString(tokenizer)
                .replaceFirst(
                        "\"added_tokens\"\\s*:\\s*\\[",
                        "$0{\"id\": 512, \"content\": \"<new>\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false,"
                                + " \"normalized\": false, \"special\": true},");
        Files.writeString(tokenizer, added);
        Path rows = Files.writeString(
                folder.resolve("a.jsonl"), "{\"text\": \"Once upon\"}\n".repeat(150) + "{\"text\": \"a <new>\"}\n");
        Captured refused = train(model, rows, "--task", "causal-lm", "--max-steps", "1");
        assertEquals(2, refused.status(), refused.err());
        assertTrue(
                refused.err().contains("the training data has token id 512, but the model knows only 512 tokens"),
                refused.err());
        assertFalse(Files.exists(folder.resolve("run/config.yaml")));
        Captured judged = Captured.loft("eval", "--model", model.toString(), "--data", rows.toString());
        assertEquals(2, judged.status(), judged.err());
        assertTrue(
                judged.err().contains("the evaluation data has token id 512, but the model knows only 512 tokens"),
                judged.err());
    }

    @Test
    void whatDoesNotGoTogetherIsRefused() throws Exception {
        Path rows = Files.writeString(folder.resolve("a.txt"), "once\nupon\n");
        Captured packed = train(rows, "--packing", "examples");
        assertEquals(2, packed.status());
        assertTrue(packed.err().contains("--packing and --streaming exclude each other"), packed.err());
        Path bad = Files.writeString(folder.resolve("b.jsonl"), "{\"text\": \"a b c\"}\n{\"text\": 1}\n");
        Captured wrong = train(bad, "--task", "causal-lm");
        assertTrue(wrong.status() != 0);
        assertTrue(wrong.err().contains(bad + ", line 2: \"text\" must be a string, found 1"), wrong.err());
    }
}
