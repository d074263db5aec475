package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/** The tokenizer of a real pretrained Llama against ids that Transformers recorded. */
class TokenizerParityTest {
    private static final Path STORIES = Fixtures.directory("stories260K");

    @Test
    void encodesAsRecorded() throws IOException {
        JsonNode expected = new ObjectMapper()
                .readTree(STORIES.resolve("stories260K-expected.json").toFile());
        try (Tokenizer tokenizer = Tokenizer.open(STORIES)) {
            for (String key : new String[] {"once", "text"}) {
                String text = expected.path(key).path("text").textValue();
                long[] ids = ids(expected.path(key).path("ids"));
                assertArrayEquals(ids, tokenizer.encode(text, true), key);
                assertEquals(text, tokenizer.decode(ids, true), key);
            }
        }
    }

    @Test
    void decodesGreedyContinuationsAsRecorded() throws IOException {
        JsonNode expected = new ObjectMapper()
                .readTree(STORIES.resolve("stories260K-expected.json").toFile());
        int checked = 0;
        try (Tokenizer tokenizer = Tokenizer.open(STORIES)) {
            for (var fields = expected.fields(); fields.hasNext(); ) {
                var field = fields.next();
                if (field.getKey().startsWith("greedy: ")) {
                    long[] prompt = ids(field.getValue().path("prompt_ids"));
                    String text = field.getKey().substring("greedy: ".length());
                    assertArrayEquals(prompt, tokenizer.encode(text, true), text);
                    var all = LongStream.concat(
                            Arrays.stream(prompt),
                            Arrays.stream(ids(field.getValue().path("new_ids"))));
                    assertEquals(
                            field.getValue().path("text").textValue(), tokenizer.decode(all.toArray(), true), text);
                    checked++;
                }
            }
        }
        assertTrue(checked >= 2, "greedy continuations in the file: " + checked);
    }

    @Test
    void readsSpecialTokens() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(STORIES)) {
            assertEquals(OptionalLong.of(1), tokenizer.bosId());
            assertEquals(OptionalLong.of(2), tokenizer.eosId());
            assertEquals(Set.of(1L, 2L), tokenizer.stopIds(), "generation_config.json names both");
            assertEquals(2, tokenizer.padId(), "it has no padding token, so the end token serves");
            assertEquals(OptionalInt.of(512), tokenizer.modelMaxLength());
        }
    }

    @Test
    void doesNotCutLongTexts() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(STORIES)) {
            long[] ids = tokenizer.encode("Once upon a time ".repeat(1000), true);
            assertTrue(ids.length > 4000, "ids: " + ids.length);
        }
    }

    private static long[] ids(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false)
                .mapToLong(JsonNode::longValue)
                .toArray();
    }
}
