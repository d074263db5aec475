package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.data.Origin;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.Json;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** Of which texts something can be said. */
class TextLogitsTest {
    private static final Path BERT = Fixture.directory("bert_cls");

    private static TextPair pair(String text, String textPair) {
        return new TextPair(text, textPair, Origin.MEMORY);
    }

    /** Special tokens are enough for one text, and are no text of a pair. */
    @Test
    void aPairNeedsWordsInBothTexts() throws Exception {
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("a", "b", "c"));
        try (Model model = Models.open(BERT, options);
                Tokenizer tokenizer = Tokenizer.open(BERT.resolveSibling("tiny_wordpiece"))) {
            TextClassifier classifier = new TextClassifier(model, tokenizer, 16, 2);
            assertTrue(classifier.hasTokens(""));
            assertTrue(classifier.hasTokens(pair("the cat", "the")));
            assertFalse(classifier.hasTokens(pair("", "the cat")));
            assertFalse(classifier.hasTokens(pair("the cat", "")));
            for (int[] sizes : new int[][] {{0, 2}, {16, 0}}) {
                ConfigException refused = assertThrows(
                        ConfigException.class, () -> new TextClassifier(model, tokenizer, sizes[0], sizes[1]));
                String field = sizes[0] == 0 ? "max_length" : "batch_size";
                assertTrue(String.valueOf(refused.getMessage()).startsWith(field), refused.getMessage());
            }
        }
    }

    @Test
    void aTextNeedsATokenWhereTheTokenizerPutsNoneAroundIt(@TempDir Path plain) throws Exception {
        Path words = BERT.resolveSibling("tiny_wordpiece").resolve("tokenizer.json");
        Json.write(plain.resolve("tokenizer.json"), Json.read(words).toTree().putNull("post_processor"));
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("a", "b", "c"));
        try (Model model = Models.open(BERT, options);
                Tokenizer tokenizer = Tokenizer.open(plain)) {
            TextClassifier classifier = new TextClassifier(model, tokenizer, 16, 2);
            assertFalse(classifier.hasTokens(""));
            assertTrue(classifier.hasTokens("the cat"));
        }
    }
}
