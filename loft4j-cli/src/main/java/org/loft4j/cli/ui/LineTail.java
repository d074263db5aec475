package org.loft4j.cli.ui;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The lines of a file that grows, each once. A file that became shorter, or that another has taken the place of, is read again from its beginning. */
final class LineTail {
    /** What one look reads, but for one line that is longer: who looks holds no more than that. */
    private static final int LOOK = 1 << 18;

    /** A line that is longer is left out. */
    private static final int MOST = 4 << 20;

    private final Path file;
    private long position;
    private boolean skipping;
    private boolean behind;
    private @Nullable Object key;

    LineTail(Path file) {
        this.file = file;
    }

    /**
     * What has come since the last look.
     *
     * @param lines whole lines, without their ends
     * @param fromStart whether they replace all that came before
     */
    record News(List<String> lines, boolean fromStart) {}

    /** Whether the last look has left lines to the next one. */
    boolean isBehind() {
        return behind;
    }

    /** Reads the file again from its beginning at the next look. */
    void rewind() {
        position = 0;
        skipping = false;
    }

    /** The next lines, not always all of them; none if the file is missing or cannot be read, which is then read anew. */
    News next() {
        behind = false;
        try {
            BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
            long size = now.size();
            if (size < position || !Objects.equals(now.fileKey(), key)) {
                rewind();
            }
            key = now.fileKey();
            boolean fromStart = position == 0;
            return new News(size == position ? List.of() : read(), fromStart);
        } catch (IOException e) {
            rewind();
            return new News(List.of(), true);
        }
    }

    private List<String> read() throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        List<String> lines = new ArrayList<>();
        long start = position;
        long at = start;
        try (FileChannel channel = FileChannel.open(file)) {
            while (!behind) {
                buffer.clear();
                int count = channel.read(buffer, at);
                if (count < 0) {
                    break;
                }
                at += count;
                for (int i = 0; i < count; i++) {
                    byte octet = buffer.get(i);
                    if (octet != '\n') {
                        line.write(octet);
                    } else {
                        if (!skipping) {
                            lines.add(line.toString(StandardCharsets.UTF_8));
                        }
                        line.reset();
                        skipping = false;
                        position = at - count + i + 1;
                    }
                }
                if (line.size() > MOST) {
                    line.reset();
                    skipping = true;
                    position = at;
                }
                behind = at - start >= LOOK && !lines.isEmpty();
            }
        }
        return lines;
    }
}
