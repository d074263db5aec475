package org.loft4j.data;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.loft4j.DataException;

/** The text of a data file, unpacked where its name ends in {@code .gz}, and decoded strictly; lines end with LF or CR LF. */
record SourceText(Path file, String text) implements Iterable<SourceText.Line> {
    // a Java string cannot be longer, and rows are read up front
    private static final long MAX_BYTES = Integer.MAX_VALUE - 16;

    /** A line without its end, counted from 1. */
    record Line(long number, String text) {}

    /** Reads UTF-8, with or without a byte order mark. */
    static SourceText read(Path file) throws DataException {
        byte[] bytes;
        try {
            requireFile(file);
            if (Files.size(file) > MAX_BYTES) {
                throw new DataException(file, "has more than 2 GiB: split it");
            }
            bytes = file.toString().toLowerCase(Locale.ROOT).endsWith(".gz") ? unpack(file) : Files.readAllBytes(file);
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(file, "cannot be read: " + e);
        }
        return new SourceText(file, decode(file, bytes));
    }

    static void requireFile(Path file) throws DataException {
        if (Files.isDirectory(file)) {
            throw new DataException(file, "is a directory; a file is needed");
        }
        if (Files.notExists(file)) {
            throw new DataException(file, "there is no such file");
        }
    }

    private static byte[] unpack(Path file) throws IOException {
        try (InputStream in = new GZIPInputStream(Files.newInputStream(file), 1 << 16)) {
            byte[] bytes = in.readNBytes((int) MAX_BYTES);
            if (in.read() >= 0) {
                throw new DataException(file, "has more than 2 GiB when it is unpacked: split it");
            }
            return bytes;
        } catch (ZipException | EOFException e) {
            throw new DataException(
                    file, "is not a whole gzip file" + (e.getMessage() == null ? "" : ": " + e.getMessage()));
        }
    }

    private static String decode(Path file, byte[] bytes) throws DataException {
        if (startsWith(bytes, 0xFF, 0xFE) || startsWith(bytes, 0xFE, 0xFF)) {
            throw new DataException(file, 1, "is UTF-16; save it as UTF-8");
        }
        ByteBuffer in = ByteBuffer.wrap(bytes);
        in.position(startsWith(bytes, 0xEF, 0xBB, 0xBF) ? 3 : 0);
        CharBuffer out = CharBuffer.allocate(in.remaining());
        CharsetDecoder decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        CoderResult result = decoder.decode(in, out, true);
        if (result.isError()) {
            String found = String.format("0x%02X", bytes[in.position()]);
            throw new DataException(
                    file, lineOf(bytes, in.position()), "is not UTF-8 (byte " + found + "); convert the file to UTF-8");
        }
        String text = out.flip().toString();
        int nul = text.indexOf('\0');
        if (nul >= 0) {
            throw new DataException(file, lineOf(text, nul), "holds a NUL character: not a text file");
        }
        return text;
    }

    private static boolean startsWith(byte[] bytes, int... mark) {
        if (bytes.length < mark.length) {
            return false;
        }
        for (int i = 0; i < mark.length; i++) {
            if ((bytes[i] & 0xFF) != mark[i]) {
                return false;
            }
        }
        return true;
    }

    private static long lineOf(byte[] bytes, int position) {
        long line = 1;
        for (int i = 0; i < position; i++) {
            line += bytes[i] == '\n' ? 1 : 0;
        }
        return line;
    }

    private static long lineOf(String text, int position) {
        return 1 + text.substring(0, position).chars().filter(c -> c == '\n').count();
    }

    Origin at(long line) {
        return new Origin(file, line);
    }

    /** All lines; an end of line at the end of the file does not begin another. */
    @Override
    public Iterator<Line> iterator() {
        return new Iterator<>() {
            private int position;
            private long number;

            @Override
            public boolean hasNext() {
                return position < text.length();
            }

            @Override
            public Line next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                int end = text.indexOf('\n', position);
                int stop = end < 0 ? text.length() : end;
                int next = end < 0 ? stop : stop + 1;
                if (end > position && text.charAt(end - 1) == '\r') {
                    stop--;
                }
                var line = new Line(++number, text.substring(position, stop));
                position = next;
                return line;
            }
        };
    }
}
