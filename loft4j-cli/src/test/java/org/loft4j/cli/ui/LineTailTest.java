package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class LineTailTest {
    @TempDir
    Path directory;

    private Path file;

    private void append(String text) throws IOException {
        Files.writeString(file, text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    @Test
    void eachLineComesOnceAndWhole() throws IOException {
        file = directory.resolve("a");
        LineTail tail = new LineTail(file);
        assertEquals(List.of(), tail.next().lines());
        append("one\ntw");
        assertEquals(new LineTail.News(List.of("one"), true), tail.next());
        assertEquals(List.of(), tail.next().lines());
        append("ö\nthree\n");
        assertEquals(new LineTail.News(List.of("twö", "three"), false), tail.next());
        assertEquals(List.of(), tail.next().lines());
    }

    @Test
    void aFileThatBecameShorterIsReadAgain() throws IOException {
        file = directory.resolve("a");
        LineTail tail = new LineTail(file);
        append("one\ntwo\n");
        tail.next();
        Files.writeString(file, "one\n");
        assertEquals(new LineTail.News(List.of("one"), true), tail.next());
        Files.delete(file);
        assertTrue(tail.next().lines().isEmpty());
        append("new\n");
        assertEquals(new LineTail.News(List.of("new"), true), tail.next());
    }

    /** However long the other one is. */
    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void aFileInThePlaceOfAnotherIsRead() throws IOException {
        file = directory.resolve("a");
        LineTail tail = new LineTail(file);
        append("one\n");
        tail.next();
        Path other = Files.writeString(directory.resolve("b"), "two\nthree\n");
        Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
        assertEquals(new LineTail.News(List.of("two", "three"), true), tail.next());
        append("four\n");
        assertEquals(new LineTail.News(List.of("four"), false), tail.next());
    }

    @Test
    void aLineWithoutEndTakesNoMemoryForGood() throws IOException {
        file = directory.resolve("a");
        LineTail tail = new LineTail(file);
        append("x".repeat(9 << 20));
        for (int i = 0; i < 10; i++) {
            assertEquals(List.of(), tail.next().lines());
        }
        append("end of it\nafter\n");
        LineTail.News news = tail.next();
        assertEquals(List.of("after"), news.lines());
        assertFalse(news.fromStart());
    }

    @Test
    void aLongFileComesInParts() throws IOException {
        file = directory.resolve("a");
        append("0123456789\n".repeat(1_000_000));
        LineTail tail = new LineTail(file);
        int looks = 0;
        int lines = 0;
        for (List<String> some = tail.next().lines();
                !some.isEmpty();
                some = tail.next().lines()) {
            looks++;
            lines += some.size();
        }
        assertEquals(1_000_000, lines);
        assertTrue(looks > 1, "in one look");
    }
}
