package org.loft4j.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;

class SourceTextTest {
    private static final Path FILE = Path.of("rows");

    @TempDir
    Path folder;

    private static SourceText inMemory(String text) {
        return new SourceText(FILE, () -> new ByteArrayInputStream(text.getBytes(UTF_8)));
    }

    private static List<String> lines(SourceText text) throws DataException {
        List<String> all = new ArrayList<>();
        try (TextLines lines = text.lines()) {
            for (String line = lines.next(); line != null; line = lines.next()) {
                all.add(line);
                assertEquals(all.size(), lines.origin().line());
            }
        }
        return all;
    }

    @Test
    void linesEndWithLineFeedAloneOrAfterReturn() throws DataException {
        assertEquals(List.of("a", "", "b\rc", "d"), lines(inMemory("a\r\n\nb\rc\nd")));
        assertEquals(List.of("a", ""), lines(inMemory("\uFEFFa\n\r\n")));
        assertEquals(List.of(), lines(inMemory("")));
    }

    /** As a packed file may be read. */
    @Test
    void aMarkOfTheByteOrderMayComeByteByByte() throws DataException {
        byte[] text = "\uFEFFaé\nb".getBytes(UTF_8);
        SourceText slow = new SourceText(FILE, () -> new FilterInputStream(new ByteArrayInputStream(text)) {
            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                return super.read(target, offset, Math.min(1, length));
            }
        });
        assertEquals(List.of("aé", "b"), lines(slow));
    }

    @Test
    void charactersAcrossTheEndsOfBuffersStayWhole() throws DataException {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        SplittableRandom random = new SplittableRandom(seed);
        List<String> expected = new ArrayList<>();
        String[] pieces = {"a", "é", "漢", "😀", "\r"};
        for (int i = 0; i < 40; i++) {
            StringBuilder line = new StringBuilder();
            for (int n = random.nextInt(20_000); n > 0; n--) {
                line.append(pieces[random.nextInt(pieces.length)]);
            }
            expected.add(line.append('.').toString());
        }
        String text = String.join("\n", expected);
        assertEquals(expected, lines(inMemory(text)), () -> "-Dtests.seed=" + seed);
    }

    @Test
    void whatComesBeforeAFaultIsReadFirst() throws IOException {
        byte[] bytes = "one\ntwo\nth?ee".getBytes(UTF_8);
        bytes[10] = (byte) 0xFF;
        try (TextLines lines = new SourceText(FILE, () -> new ByteArrayInputStream(bytes)).lines()) {
            assertEquals("one", lines.next());
            assertEquals("two", lines.next());
            assertEquals(
                    "rows, line 3: is not UTF-8 (byte 0xFF); save it as UTF-8 (in Excel as the type \"CSV UTF-8\")",
                    assertThrows(DataException.class, lines::next).getMessage());
        }
    }

    @Test
    void tornGzipIsAFaultOfTheFile() throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
            out.write("one\ntwo\n".getBytes(UTF_8));
        }
        Path whole = Files.write(folder.resolve("a.txt.gz"), packed.toByteArray());
        assertEquals(List.of("one", "two"), lines(SourceText.of(whole)));
        Path torn = Files.write(folder.resolve("b.txt.gz"), Arrays.copyOf(packed.toByteArray(), packed.size() - 9));
        String fault = String.valueOf(assertThrows(DataException.class, () -> lines(SourceText.of(torn)))
                .getMessage());
        assertTrue(fault.startsWith(torn + ": is not a whole gzip file"), fault);
        Path none = Files.writeString(folder.resolve("c.txt.gz"), "one");
        assertTrue(String.valueOf(assertThrows(DataException.class, () -> lines(SourceText.of(none)))
                        .getMessage())
                .startsWith(none + ": is not a whole gzip file"));
    }
}
