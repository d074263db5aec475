package org.loft4j.data;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.FileFault;

/**
 * UTF-8, decoded strictly and a piece at a time, with or without a byte order mark. All that comes before a fault is handed out
 * first; the fault is a {@link DataException} that names the line.
 */
final class Utf8Reader extends Reader {
    private static final int BUFFER_BYTES = 1 << 16;
    private static final String REMEDY = "save it as UTF-8 (in Excel as the type \"CSV UTF-8\")";

    private final Path file;
    private final InputStream source;
    private final ByteBuffer bytes = ByteBuffer.allocate(BUFFER_BYTES).limit(0);
    private final CharsetDecoder decoder = StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    private boolean begun;
    private boolean ended;
    private long line = 1;
    private @Nullable DataException fault;

    Utf8Reader(Path file, InputStream source) {
        this.file = file;
        this.source = source;
    }

    @Override
    public int read(char[] chars, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        CharBuffer out = CharBuffer.wrap(chars, offset, length);
        int start = out.position();
        while (out.position() == start) {
            if (fault != null) {
                throw fault;
            }
            if (!begun) {
                begin();
            }
            CoderResult result = decoder.decode(bytes, out, ended);
            int usable = usable(chars, offset, out.position() - start);
            if (fault != null) {
                out.position(start + usable);
            } else if (result.isError()) {
                String found = String.format("0x%02X", bytes.get(bytes.position()));
                fault = new DataException(file, line, "is not UTF-8 (byte " + found + "); " + REMEDY);
            } else if (out.position() == start) {
                if (result.isOverflow()) {
                    // half a pair of surrogates does not fit: the callers ask for thousands of characters
                    throw new IOException("a buffer of " + length + " characters is too short");
                }
                if (ended) {
                    return -1;
                }
                fill();
            }
        }
        return out.position() - start;
    }

    /** Counts lines, and says how many characters come before one that no text holds. */
    private int usable(char[] chars, int offset, int length) {
        for (int i = 0; i < length; i++) {
            char c = chars[offset + i];
            if (c == '\n') {
                line++;
            } else if (c == '\0') {
                fault = new DataException(file, line, "holds a NUL character: not a text file");
                return i;
            }
        }
        return length;
    }

    private void begin() throws IOException {
        begun = true;
        while (!ended && bytes.remaining() < 3) {
            fill();
        }
        if (startsWith(0xFF, 0xFE) || startsWith(0xFE, 0xFF)) {
            throw new DataException(file, 1, "is UTF-16; " + REMEDY);
        }
        if (startsWith(0x1F, 0x8B)) {
            throw new DataException(file, "is packed by gzip: put .gz behind its name");
        }
        if (startsWith(0xEF, 0xBB, 0xBF)) {
            bytes.position(bytes.position() + 3);
        }
    }

    private boolean startsWith(int... mark) {
        if (bytes.remaining() < mark.length) {
            return false;
        }
        for (int i = 0; i < mark.length; i++) {
            if ((bytes.get(bytes.position() + i) & 0xFF) != mark[i]) {
                return false;
            }
        }
        return true;
    }

    private void fill() throws IOException {
        bytes.compact();
        try {
            int read = source.read(bytes.array(), bytes.position(), bytes.remaining());
            if (read < 0) {
                ended = true;
            } else {
                bytes.position(bytes.position() + read);
            }
        } catch (DataException e) {
            throw e;
        } catch (ZipException | EOFException e) {
            throw new DataException(
                    file, "is not a whole gzip file" + (e.getMessage() == null ? "" : ": " + e.getMessage()));
        } catch (IOException e) {
            throw new DataException(file, "cannot be read: " + FileFault.of(e));
        } finally {
            bytes.flip();
        }
    }

    @Override
    public void close() throws IOException {
        source.close();
    }
}
