package org.loft4j.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.loft4j.DataException;
import org.loft4j.FileFault;

/**
 * The frames of a zstd file by their lengths alone (RFC 8878, section 3.1): who unpacks them takes one that has been cut for the end of
 * the file.
 */
final class ZstdFrames {
    private static final int MAGIC = 0xFD2FB528;
    private static final int SKIPPABLE = 0x184D2A50;
    private static final int RLE = 1;

    /** In place of where a frame ends. */
    private static final long NO_FRAME = -1;

    private static final long CUT = -2;

    private final FileChannel channel;
    private final ByteBuffer bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);

    private ZstdFrames(FileChannel channel) {
        this.channel = channel;
    }

    /** @throws DataException if the file is no zstd file, or ends within a frame */
    static void requireWhole(Path file) throws DataException {
        try (FileChannel channel = FileChannel.open(file)) {
            long end = channel.size();
            long at = 0;
            ZstdFrames frames = new ZstdFrames(channel);
            while (at >= 0 && at < end) {
                at = frames.next(at, end);
            }
            if (at != end) {
                throw new DataException(
                        file,
                        at == NO_FRAME
                                ? "is no zstd file, or is damaged"
                                : "is not a whole zstd file: its end is missing");
            }
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(file, "cannot be read: " + FileFault.of(e));
        }
    }

    /** Where the frame that begins at a place ends; {@link #CUT} if that is behind the file's end. */
    private long next(long start, long end) throws IOException {
        if (end - start < 8) {
            return CUT;
        }
        int magic = (int) read(start, 4);
        if ((magic & ~0xF) == SKIPPABLE) {
            return within(start + 8 + read(start + 4, 4), end);
        }
        if (magic != MAGIC) {
            return NO_FRAME;
        }
        int descriptor = (int) read(start + 4, 1);
        boolean single = (descriptor & 0x20) != 0;
        boolean checksum = (descriptor & 0x04) != 0;
        int[] ofDictionary = {0, 1, 2, 4};
        int[] ofSize = {single ? 1 : 0, 2, 4, 8};
        long at = start + 5 + (single ? 0 : 1) + ofDictionary[descriptor & 3] + ofSize[descriptor >> 6 & 3];
        boolean last = false;
        while (!last) {
            if (end - at < 3) {
                return CUT;
            }
            int block = (int) read(at, 3);
            last = (block & 1) != 0;
            // of a byte that is repeated the size is that of the text
            at += 3 + ((block >> 1 & 3) == RLE ? 1 : block >> 3);
        }
        return within(at + (checksum ? 4 : 0), end);
    }

    private static long within(long place, long end) {
        return place <= end ? place : CUT;
    }

    /** The number in the next few bytes, the lowest first. */
    private long read(long place, int count) throws IOException {
        bytes.clear().limit(count);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, place + bytes.position()) < 0) {
                throw new IOException("it became shorter while it was read");
            }
        }
        bytes.clear();
        long number = 0;
        for (int i = 0; i < count; i++) {
            number |= (bytes.get(i) & 0xFFL) << 8 * i;
        }
        return number;
    }
}
