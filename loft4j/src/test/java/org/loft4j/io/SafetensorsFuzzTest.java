package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/** Damaged files are either refused by a CheckpointException or read as what they say; nothing else happens. */
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class SafetensorsFuzzTest {
    private static final int FILES = 2000;
    private static final String[] WORDS = {
        "0",
        "-1",
        "1",
        "8",
        "2147483648",
        "4294967296",
        "9223372036854775807",
        "1e3",
        "null",
        "true",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\\u0000",
        "[]",
        "{}",
        "\"U8\"",
        "\"F64\"",
        "\"shape\"",
        "\"data_offsets\"",
        "\"__metadata__\"",
        " ",
        "\0"
    };

    @TempDir
    Path folder;

    @Test
    void damagedFilesAreRefusedOrRead() throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("-Dtests.seed=" + seed);
        Random random = new Random(seed);
        byte[] good =
                Files.readAllBytes(new DamagedSafetensorsTest().lay(folder).get(0));
        Path file = folder.resolve("damaged.safetensors");
        int read = 0;
        for (int i = 0; i < FILES; i++) {
            byte[] damaged = damage(good, random);
            Files.write(file, damaged);
            try {
                readAll(file, damaged.length);
                read++;
            } catch (CheckpointException e) {
                assertTrue(String.valueOf(e.getMessage()).startsWith(file.toString()), e.getMessage());
            } catch (RuntimeException | Error e) {
                throw new AssertionError("file " + i + " of seed " + seed + ": " + text(damaged), e);
            }
        }
        System.out.println(read + " of " + FILES + " damaged files could still be read");
        assertTrue(read > 0 && read < FILES, "the damage is too heavy or too light: " + read);
    }

    @Test
    void damagedJsonIsRefusedOrRead() throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("-Dtests.seed=" + seed);
        Random random = new Random(seed);
        byte[] good = "{\"a\":{\"shape\":[1,2.5,-3e2],\"dtype\":\"F32\"},\"b\":[true,null,\"\\u00e9\\n\"]}"
                .getBytes(StandardCharsets.UTF_8);
        Path file = folder.resolve("damaged.json");
        for (int i = 0; i < FILES; i++) {
            byte[] damaged = damage(good, random);
            Files.write(file, damaged);
            try {
                JsonObject json = Json.read(file);
                json.keys().forEach(json::node);
            } catch (CheckpointException e) {
                assertTrue(String.valueOf(e.getMessage()).startsWith(file.toString()), e.getMessage());
            } catch (RuntimeException | Error e) {
                throw new AssertionError("file " + i + " of seed " + seed + ": " + text(damaged), e);
            }
        }
    }

    /** All of it, which must be what the header tells, and no more than the file holds. */
    static void readAll(Path file, long size) throws CheckpointException {
        try (SafetensorsFile read = SafetensorsFile.open(file);
                NativeScope scope = new NativeScope()) {
            long bytes = 0;
            for (String name : read.names()) {
                TensorInfo info = read.info(name);
                Tensor tensor = read.read(name);
                assertEquals(info.dtype(), Dtype.of(tensor));
                assertEquals(Shapes.text(info.shape()), Shapes.text(Shapes.of(tensor)));
                assertEquals(info.bytes(), tensor.numel() * info.dtype().bytes());
                bytes += info.bytes();
            }
            assertTrue(bytes <= size);
        }
    }

    /** One or two changes: to the length, to single bytes, or to words of the header. */
    private static byte[] damage(byte[] good, Random random) {
        byte[] bytes = good.clone();
        for (int changes = 1 + random.nextInt(2); changes > 0 && bytes.length > 0; changes--) {
            int at = random.nextInt(bytes.length);
            bytes = switch (random.nextInt(7)) {
                case 0 -> {
                    bytes[at] = (byte) random.nextInt(256);
                    yield bytes;
                }
                case 1 -> {
                    bytes[random.nextInt(Math.min(8, bytes.length))] ^= (byte) (1 << random.nextInt(8));
                    yield bytes;
                }
                case 2 -> Arrays.copyOf(bytes, at);
                case 3 -> Arrays.copyOf(bytes, bytes.length + random.nextInt(20));
                case 4, 5 -> {
                    String word = WORDS[random.nextInt(WORDS.length)];
                    byte[] longer = splice(bytes, at, random.nextBoolean() ? word.length() : 0, word);
                    yield random.nextBoolean() ? stateLength(longer, longer.length - good.length) : longer;
                }
                default -> digit(bytes, at, random);
            };
        }
        return bytes;
    }

    private static byte[] splice(byte[] bytes, int at, int replaced, String word) {
        byte[] middle = word.getBytes(StandardCharsets.UTF_8);
        int after = Math.min(bytes.length, at + replaced);
        byte[] result = Arrays.copyOf(bytes, at + middle.length + bytes.length - after);
        System.arraycopy(middle, 0, result, at, middle.length);
        System.arraycopy(bytes, after, result, at + middle.length, bytes.length - after);
        return result;
    }

    /** Keeps the length of the header true after so many bytes were added to it. */
    private static byte[] stateLength(byte[] bytes, int added) {
        if (bytes.length >= Long.BYTES) {
            ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            file.putLong(0, file.getLong(0) + added);
        }
        return bytes;
    }

    /** Another digit in place of the next one: headers that still parse, and say something else. */
    private static byte[] digit(byte[] bytes, int at, Random random) {
        for (int i = at; i < bytes.length; i++) {
            if (bytes[i] >= '0' && bytes[i] <= '9') {
                bytes[i] = (byte) ('0' + random.nextInt(10));
                break;
            }
        }
        return bytes;
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }
}
