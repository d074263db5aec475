package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;
import org.loft4j.data.Conversation;
import org.loft4j.data.Message;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;

class AskedTextsTest {
    private static List<String> texts(AskedTexts asked, int most) throws IOException {
        return asked.next(most).stream().map(AskedTexts.Asked::text).toList();
    }

    private static AskedTexts lines(String text) {
        return AskedTexts.ofLines(
                new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)),
                line -> !line.startsWith("#"),
                AskedTexts.Faults.END);
    }

    @Test
    void linesEndAsTextsOfAllSystemsDo() throws IOException {
        try (AskedTexts asked = lines("a\r\n\r\n \tb\rc\n\n\té\n😀")) {
            assertEquals(List.of("a", " \tb", "c"), texts(asked, 3));
            assertEquals(List.of("\té"), texts(asked, 3), "the last may go on");
            assertEquals(List.of("😀"), texts(asked, 3));
            assertEquals(List.of(), texts(asked, 3));
            assertEquals(List.of(), texts(asked, 3));
        }
    }

    /** As in a file; elsewhere it is a character as any other. */
    @Test
    void theByteOrderMarkIsNoText() throws IOException {
        try (AskedTexts asked = lines("\uFEFFa\n\uFEFFb\n")) {
            assertEquals(List.of("a", "\uFEFFb"), texts(asked, 3));
        }
        try (AskedTexts asked = lines("\uFEFF\nb")) {
            assertEquals(List.of("b"), texts(asked, 3));
        }
    }

    /** As in a file: a text with a sign in place of what could not be read would be judged as another. */
    @Test
    void aLineThatIsNotUtf8IsToldByItsPlace() throws IOException {
        byte[] latin = "a\nb é\n\ncafé\nd\n".getBytes(StandardCharsets.ISO_8859_1);
        byte[] mixed = "a\nb é\n\n".getBytes(StandardCharsets.UTF_8);
        byte[] both = Arrays.copyOf(mixed, mixed.length + latin.length);
        System.arraycopy(latin, 0, both, mixed.length, latin.length);
        try (AskedTexts asked =
                AskedTexts.ofLines(new ByteArrayInputStream(both), line -> true, AskedTexts.Faults.END)) {
            assertEquals(List.of("a", "b é", "a"), texts(asked, 10));
            String message =
                    assertThrows(DataException.class, () -> asked.next(10)).getMessage();
            assertEquals("standard input, line 5: is not UTF-8; convert it to UTF-8", message);
        }
    }

    @Test
    void aLineWithANulIsToldByItsPlace() throws IOException {
        try (AskedTexts asked = lines("a\nb\0c\n")) {
            assertEquals(List.of("a"), texts(asked, 10));
            String message =
                    assertThrows(DataException.class, () -> asked.next(10)).getMessage();
            assertEquals("standard input, line 2: holds a NUL character", message);
        }
    }

    @Test
    void whatComesBeforeATextThatCannotBeUsedIsGivenOutFirst() throws IOException {
        try (AskedTexts asked = lines("a\n\nb\n#c\nd\n")) {
            assertEquals(List.of("a", "b"), texts(asked, 10));
            String message =
                    assertThrows(DataException.class, () -> asked.next(10)).getMessage();
            assertEquals("standard input, line 4: the tokenizer finds no tokens in the text", message);
        }
    }

    @Test
    void whatCannotBeUsedMayBeLeftOut() throws IOException {
        List<String> faults = new ArrayList<>();
        try (AskedTexts asked = AskedTexts.ofLines(
                new ByteArrayInputStream("a\n#b\n#c\nd\n#e\n".getBytes(StandardCharsets.UTF_8)),
                line -> !line.startsWith("#"),
                fault -> faults.add(fault.getMessage()))) {
            assertEquals(List.of("a", "d"), texts(asked, 10));
            assertEquals(List.of(), texts(asked, 10));
        }
        assertEquals(3, faults.size());
        assertEquals("standard input, line 2: the tokenizer finds no tokens in the text", faults.get(0));
    }

    /** What has been read to count it is not written by the template, nor cut into tokens, a second time. */
    @Test
    void aConversationIsWrittenOnceThoughItIsReadTwice(@TempDir Path folder) throws IOException {
        Path model = Fixtures.copy("stories260K", folder.resolve("model"));
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}");
        Row row = new Conversation(List.of(Message.of("user", "which ball"), Message.of("assistant", "the red one")));
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            AskedConversations rows = new AskedConversations(new FoundModel(model, null, null), tokenizer, 64);
            AskedTexts.Asked counted = rows.first(row);
            assertArrayEquals(tokenizer.encode("user: which ballassistant: the red one", false), counted.written());
            assertSame(counted, rows.of(row));
            assertNotSame(counted, rows.of(row), "kept though nobody will ask for it");
        }
    }

    /** Half a line is not waited for while there are whole ones. */
    @Test
    @Timeout(60)
    void linesThatAreHereAreNotHeldBack() throws IOException {
        try (PipedOutputStream typed = new PipedOutputStream();
                AskedTexts asked =
                        AskedTexts.ofLines(new PipedInputStream(typed), line -> true, AskedTexts.Faults.END)) {
            typed.write("a\nb\nhalf of ".getBytes(StandardCharsets.UTF_8));
            assertEquals(List.of("a", "b"), texts(asked, 10));
            typed.write("it\n".getBytes(StandardCharsets.UTF_8));
            assertEquals(List.of("half of it"), texts(asked, 10));
        }
    }
}
