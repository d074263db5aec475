package org.loft4j.cli;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Origin;

/**
 * The lines of a stream of UTF-8 as they come, mostly those that are not blank. Whether one is here is known without waiting for the rest of
 * it, as {@link java.io.BufferedReader} does not know it. They are told apart as bytes, so that those before one that is not UTF-8
 * are given out.
 */
final class ComingLines implements AskedTexts.Source {
    private final InputStream in;
    private final String name;
    private final boolean blank;
    private final ByteArrayOutputStream begun = new ByteArrayOutputStream();
    private @Nullable String line;
    private long number;
    private boolean afterReturn;
    private boolean ended;

    /**
     * Lines of a stream, which is not closed.
     *
     * @param name of the stream, for messages
     * @param blank whether blank lines are given out too
     */
    ComingLines(InputStream stream, String name, boolean blank) {
        this.in = new BufferedInputStream(stream);
        this.name = name;
        this.blank = blank;
    }

    @Override
    public boolean isReady() throws IOException {
        while (line == null && !ended && in.available() > 0) {
            read();
        }
        return line != null || ended;
    }

    @Override
    public AskedTexts.@Nullable Asked next() throws IOException {
        while (line == null && !ended) {
            read();
        }
        String next = line;
        line = null;
        return next == null ? null : new AskedTexts.Asked(next, null, origin());
    }

    private Origin origin() {
        return new Origin(name, number, Origin.Unit.LINE);
    }

    private void read() throws IOException {
        int character = in.read();
        if (character == '\n' && afterReturn) {
            afterReturn = false;
            return;
        }
        afterReturn = character == '\r';
        ended = character < 0;
        if (!ended && character != '\n' && character != '\r') {
            begun.write(character);
            return;
        }
        number++;
        byte[] bytes = begun.toByteArray();
        begun.reset();
        String whole = decoded(bytes);
        if (number == 1 && whole.startsWith("\uFEFF")) {
            // a byte order mark, which is no part of the text
            whole = whole.substring(1);
        }
        line = blank && !(ended && bytes.length == 0) || !whole.isBlank() ? whole : null;
    }

    private String decoded(byte[] bytes) throws IOException {
        try {
            String whole = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            if (whole.indexOf('\0') >= 0) {
                throw origin().fault("holds a NUL character");
            }
            return whole;
        } catch (CharacterCodingException e) {
            throw origin().fault("is not UTF-8; convert it to UTF-8");
        }
    }
}
