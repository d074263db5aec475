package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;

class AdaptersTokenizerTest {
    private static final Path WORDPIECE = Fixtures.directory("tiny_wordpiece");
    private static final Path UNIGRAM = Fixtures.directory("tiny_unigram");

    @TempDir
    Path folder;

    private Path model;
    private Path adapter;

    @BeforeEach
    void aModelWithATokenizerAndAnAdapterWithout() throws IOException {
        model = Files.createDirectory(folder.resolve("model"));
        adapter = Files.createDirectory(folder.resolve("adapter"));
        Files.copy(WORDPIECE.resolve("tokenizer.json"), model.resolve("tokenizer.json"));
        Json.write(model.resolve("tokenizer_config.json"), Map.of("eos_token", "[SEP]", "bos_token", "[CLS]"));
        Json.write(model.resolve("config.json"), Map.of("pad_token_id", 9));
        Json.write(model.resolve("generation_config.json"), Map.of("eos_token_id", List.of(4, 11)));
    }

    /** As a training leaves it that added a token and ends texts with it. */
    private void theAdapterHasItsOwn() throws IOException {
        ObjectNode tokenizer = Json.read(WORDPIECE.resolve("tokenizer.json")).toTree();
        ObjectNode added = tokenizer.withArray("added_tokens").get(4).deepCopy();
        tokenizer.withArray("added_tokens").add(added.put("id", 20).put("content", "<|im_end|>"));
        Json.write(adapter.resolve("tokenizer.json"), tokenizer);
        Json.write(adapter.resolve("tokenizer_config.json"), Map.of("eos_token", "<|im_end|>"));
    }

    @Test
    void anAdaptersOwnTokenizerIsTakenWithWhatTheModelSaysBesides() throws IOException {
        try (Tokenizer tokenizer = AdaptersTokenizer.open(model, adapter)) {
            assertEquals(OptionalLong.of(2), tokenizer.eosId());
            assertEquals(OptionalLong.empty(), tokenizer.specialId("<|im_end|>"));
        }
        theAdapterHasItsOwn();
        try (Tokenizer tokenizer = AdaptersTokenizer.open(model, adapter)) {
            assertEquals(OptionalLong.of(20), tokenizer.specialId("<|im_end|>"));
            assertEquals(OptionalLong.of(20), tokenizer.eosId());
            assertEquals(Set.of(4L, 11L, 20L), tokenizer.stopIds());
            assertEquals(9, tokenizer.padId());
        }
        try (Tokenizer tokenizer = AdaptersTokenizer.open(model, null)) {
            assertEquals(Set.of(2L, 4L, 11L), tokenizer.stopIds());
        }
    }

    @Test
    void aTemplateHasTheSpecialTokensOfTheTokenizerThatIsTaken() throws IOException {
        Files.writeString(model.resolve("chat_template.jinja"), "{{ bos_token }}{{ eos_token }}");
        assertEquals("[CLS][SEP]", prompt());
        theAdapterHasItsOwn();
        assertEquals("<|im_end|>", prompt());
        Files.writeString(adapter.resolve("chat_template.jinja"), "adapter's {{ eos_token }}");
        assertEquals("adapter's <|im_end|>", prompt());
    }

    private String prompt() throws IOException {
        return ChatTemplate.open(adapter, model).prompt(List.of(Message.of("user", "?")));
    }

    @Test
    void idsThatTheModelHasNoRowsForAreRefused() throws IOException {
        AdaptersTokenizer.check(model, adapter, 10);
        theAdapterHasItsOwn();
        AdaptersTokenizer.check(model, adapter, 21);
        String message = assertThrows(CheckpointException.class, () -> AdaptersTokenizer.check(model, adapter, 20))
                .getMessage();
        assertTrue(message.startsWith(adapter.resolve("tokenizer.json") + ": "), message);
        assertTrue(message.contains("this tokenizer has 21 ids, and the model 20 rows"), message);
        // the model lives with it as it is
        Files.copy(adapter.resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
        assertDoesNotThrow(() -> AdaptersTokenizer.check(folder, adapter, 20));
        // as another program writes the same
        ObjectNode same = Json.read(adapter.resolve("tokenizer.json")).toTree();
        Files.writeString(folder.resolve("tokenizer.json"), same.toString() + "\n \n");
        assertDoesNotThrow(() -> AdaptersTokenizer.check(folder, adapter, 20));
    }

    @Test
    void theIdsOfAListOfPiecesAreTheirPlaces() throws IOException {
        int pieces = Json.read(UNIGRAM.resolve("tokenizer.json"))
                .toTree()
                .path("model")
                .path("vocab")
                .size();
        assertEquals(pieces, TokenizerFile.ids(UNIGRAM.resolve("tokenizer.json")));
    }
}
