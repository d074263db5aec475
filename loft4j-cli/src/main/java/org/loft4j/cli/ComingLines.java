package org.loft4j.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Origin;

/**
 * The lines of a stream of UTF-8 that are not blank, as they come. Whether one is here is known without waiting for the rest of
 * it, as {@link BufferedReader} does not know it.
 */
final class ComingLines implements AskedTexts.Source {
    private final BufferedReader in;
    private final String name;
    private final StringBuilder begun = new StringBuilder();
    private @Nullable String line;
    private long number;
    private boolean afterReturn;
    private boolean ended;

    /** @param name of the stream, for messages; it is not closed */
    ComingLines(InputStream stream, String name) {
        this.in = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
        this.name = name;
    }

    @Override
    public boolean isReady() throws IOException {
        while (line == null && !ended && in.ready()) {
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
        return next == null ? null : new AskedTexts.Asked(next, null, new Origin(name, number, Origin.Unit.LINE));
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
            begun.append((char) character);
            return;
        }
        number++;
        String whole = begun.toString();
        begun.setLength(0);
        line = whole.isBlank() ? null : whole;
    }
}
