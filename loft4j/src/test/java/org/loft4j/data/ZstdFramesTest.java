package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;

/** Frames by hand, of RFC 8878. */
class ZstdFramesTest {
    private static final byte[] MAGIC = {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD};
    private static final int RAW = 0;
    private static final int RLE = 1;

    @TempDir
    Path folder;

    /** Three bytes of a block's header: whether it is the last, its kind, its size. */
    private static byte[] block(boolean last, int kind, int size) {
        int header = (last ? 1 : 0) | kind << 1 | size << 3;
        byte[] block = new byte[3 + (kind == RLE ? 1 : size)];
        for (int i = 0; i < 3; i++) {
            block[i] = (byte) (header >> 8 * i);
        }
        return block;
    }

    private static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        Arrays.stream(parts).forEach(all::writeBytes);
        return all.toByteArray();
    }

    private void assertWhole(byte[]... parts) throws IOException {
        byte[] all = concat(parts);
        Path file = folder.resolve("rows.jsonl.zst");
        Files.write(file, all);
        assertDoesNotThrow(() -> ZstdFrames.requireWhole(file));
        for (int cut = 1; cut < parts[parts.length - 1].length; cut++) {
            Files.write(file, Arrays.copyOf(all, all.length - cut));
            DataException refused = assertThrows(DataException.class, () -> ZstdFrames.requireWhole(file));
            assertTrue(refused.getMessage().contains("its end is missing"), refused.getMessage());
        }
        Files.write(file, concat(all, new byte[9]));
        DataException refused = assertThrows(DataException.class, () -> ZstdFrames.requireWhole(file));
        assertTrue(refused.getMessage().contains("is no zstd file, or is damaged"), refused.getMessage());
    }

    /** As the zstd command writes it. */
    @Test
    void aChecksumIsPartOfTheFrame() throws IOException {
        byte[] frame = concat(new byte[] {0x24, 7}, block(true, RAW, 7), new byte[4]);
        assertWhole(MAGIC, frame);
        assertWhole(MAGIC, frame, concat(MAGIC, frame));
    }

    @Test
    void aByteThatIsRepeatedTakesOneByte() throws IOException {
        assertWhole(MAGIC, concat(new byte[] {0x20, 100}, block(false, RLE, 95), block(true, RAW, 5)));
    }

    @Test
    void sizesOfWindowsDictionariesAndContentsHaveTheirRoom() throws IOException {
        // a window, and no size of the content
        assertWhole(MAGIC, concat(new byte[] {0x00, 0x10}, block(true, RAW, 3)));
        // a window, an id of two bytes, a size of eight
        assertWhole(MAGIC, concat(new byte[] {(byte) 0xC2, 0x10}, new byte[2 + 8], block(true, RAW, 3)));
    }

    @Test
    void whatIsToBeSkippedIs() throws IOException {
        byte[] skipped = {0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3};
        assertWhole(skipped, concat(MAGIC, new byte[] {0x20, 2}, block(true, RAW, 2)));
    }
}
