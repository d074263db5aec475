package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class StreamingDecoderTest {
    @Test
    void piecesMakeUpTheWholeText() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("stories260K"))) {
            String prompt = "Once upon a time";
            String rest = ", she said, “Let’s go to the café!” 😀😀 日本 and  smiled.\n\n The end";
            long[] before = tokenizer.encode(prompt, true);
            long[] all = tokenizer.encode(prompt + rest, true);
            var decoder = new StreamingDecoder(tokenizer, before);
            var text = new StringBuilder();
            for (int i = before.length; i < all.length; i++) {
                String piece = decoder.add(all[i]);
                assertFalse(piece.contains("\uFFFD"), piece);
                text.append(piece);
            }
            assertEquals(rest, text + decoder.finish());
        }
    }

    @Test
    void keepsTheBlankBehindSpecialTokens() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("stories260K"))) {
            var decoder = new StreamingDecoder(tokenizer, new long[0]);
            // "Once upon", the end token, " a time"
            var text = new StringBuilder();
            for (long id : new long[] {1, 403, 407, 2, 261, 378}) {
                text.append(decoder.add(id));
            }
            assertEquals("Once upon a time", text.toString());
        }
    }

    @Test
    void anUnfinishedCharacterAppearsAtTheEnd() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.directory("stories260K"))) {
            long[] smile = tokenizer.encode("😀", true);
            var decoder = new StreamingDecoder(tokenizer, new long[] {1, 403});
            for (int i = smile.length - 4; i < smile.length - 1; i++) {
                assertEquals("", decoder.add(smile[i]));
            }
            assertEquals("\uFFFD\uFFFD\uFFFD", decoder.finish());
            assertEquals("", decoder.finish());
        }
    }
}
